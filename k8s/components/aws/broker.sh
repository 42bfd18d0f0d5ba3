#!/bin/sh
# Makes the broker's user that the services are, who may touch what is Onhand's and nothing else, or brings it to what
# is written here. May run any number of times, and has to after its password was changed.
#
# What it needs is in files of the folder ACCESS: host, administrator, administrator_password, username, password, and
# administrator_next_password, which is empty but while the administrator's is being changed. API may be another address
# of the management interface. No password is in an argument, where others could see it.
set -eu
ACCESS=${ACCESS:-/etc/onhand/broker}
read_in() { cat "$ACCESS/$1"; }
API=${API:-https://$(read_in host)}
user=$(read_in username)

umask 077
logins=$(mktemp)
trap 'rm -f "$logins"' EXIT
host=${API#*://}
printf 'machine %s login %s password %s\n' \
  "${host%%:*}" "$(read_in administrator)" "$(read_in administrator_password)" >"$logins"

# put PATH: sends what comes in.
put() {
  curl --silent --show-error --fail --retry 5 --retry-connrefused --max-time 30 --netrc-file "$logins" \
    --request PUT --header 'Content-Type: application/json' --data @- "$API/api/$1"
}

# Its exchanges and queues: bus.exchange and bus.queue_prefix, and what is made of them.
own='^(inventory_events(\\.dead)?|onhand\\..*)$'
printf '{"password":"%s","tags":""}' "$(read_in password)" | put "users/$user"
printf '{"configure":"%s","write":"%s","read":"%s"}' "$own" "$own" "$own" | put "permissions/%2f/$user"
next=$(read_in administrator_next_password)
if [ -n "$next" ]; then
  printf '{"password":"%s","tags":"administrator"}' "$next" | put "users/$(read_in administrator)"
  echo "the administrator has the next password: make it the present one in the vault"
fi
echo "the services' user is as it should be"
