#!/bin/bash
# ready.sh PORT PATH: whether the page answers 200. The shell alone: an interpreter for each look would cost more than the service.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
