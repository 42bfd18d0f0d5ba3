#!/bin/bash
# ready PORT: succeeds when the service on this port answers /ready with 200. bash, because it can
# open a connection by itself and the image has no HTTP client.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
