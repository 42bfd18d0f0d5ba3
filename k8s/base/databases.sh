#!/bin/sh
# Makes the roles and the databases of the services, or brings them to what is written here. May run any number of
# times, and has to after a password was changed.
#
# What it needs is in files of the folder ACCESS: host, port, admin, admin_password, stock_password, checker_password,
# suppliers_password. PGSSLMODE and PGSSLROOTCERT say how to connect.
#
# Passwords are never part of a statement, which a server may log: psql reads them from standard input, since there is
# no terminal, and sends what PostgreSQL keeps of them (SCRAM).
set -eu
ACCESS=${ACCESS:-/etc/onhand/databases}
read_in() { cat "$ACCESS/$1"; }

PGHOST=$(read_in host) PGPORT=$(read_in port) PGUSER=$(read_in admin) PGPASSWORD=$(read_in admin_password)
export PGHOST PGPORT PGUSER PGPASSWORD PGCONNECT_TIMEOUT=10 PGAPPNAME=databases PGOPTIONS="-c client_min_messages=warning"
sql() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"; }

# role NAME PASSWORD_FILE
role() {
  sql --dbname=postgres --set=role="$1" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SQL
  { read_in "$2"; echo; read_in "$2"; echo; } |
    sql --dbname=postgres --command="SET password_encryption = 'scram-sha-256'" --command="\\password $1" 2>&1 >/dev/null |
    sed '/^Enter /d' >&2
  # A pipe tells nothing of what failed within it: whether the password is taken is tried.
  PGUSER=$1 PGPASSWORD=$(read_in "$2") sql --dbname=postgres --command='SELECT' >/dev/null
}

# database NAME OWNER: with nobody let in but its owner, and those who are granted it.
database() {
  sql --dbname=postgres --set=name="$1" --set=owner="$2" <<'SQL'
GRANT :"owner" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

role onhand_stock stock_password
role onhand_checker checker_password
role onhand_suppliers suppliers_password
database onhand_stock onhand_stock
database onhand_suppliers onhand_suppliers

# stock-checker reads what stock-updater makes, and nothing that is made later is forgotten.
sql --dbname=onhand_stock <<'SQL'
SET ROLE onhand_stock;
GRANT CONNECT ON DATABASE onhand_stock TO onhand_checker;
GRANT USAGE ON SCHEMA public TO onhand_checker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO onhand_checker;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO onhand_checker;
RESET ROLE;
ALTER ROLE onhand_checker SET default_transaction_read_only = on;
SQL
echo "roles and databases are as they should be"
