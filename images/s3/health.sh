#!/bin/bash
# Healthy is: the entrypoint has said so, and the gateway answers.
[[ -e /run/ceph/ready ]] || exit 1
exec 3<>/dev/tcp/127.0.0.1/9000 || exit 1
printf 'GET / HTTP/1.0\r\n\r\n' >&3
IFS= read -r -t 2 status <&3
[[ $status == *' 200 '* ]]
