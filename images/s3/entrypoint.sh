#!/bin/bash
# Brings up monitor, storage daemon and gateway in that order, and takes them down in the reverse one. Made to be killed at
# any moment: /data/initialized says that the store is whole, /data/running that the last stop was not a clean one.
set -uo pipefail

: "${S3_ACCESS_KEY:?the access key of the one user}" "${S3_SECRET_KEY:?its secret key}"

data=/data
run=/run/ceph
mon='' osd='' gateway=''

log() { echo "$(date +%T.%3N) $*"; }

# Up to five seconds for each to end by itself. The gateway first, so that nothing is acknowledged after the store is gone.
stop_all() {
  local process
  for process in $gateway $osd $mon; do
    kill -TERM "$process" 2>/dev/null
    for _ in {1..100}; do
      kill -0 "$process" 2>/dev/null || break
      sleep 0.05
    done
    kill -KILL "$process" 2>/dev/null
    wait "$process" 2>/dev/null
    [[ $process == "$osd" ]] && rm -f $data/running
  done
}

fail() {
  log "failed: $*"
  stop_all
  exit 1
}

alive() { kill -0 "$1" 2>/dev/null; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# $1: what, $2: its process, $3: its port
await_port() {
  for _ in {1..600}; do
    listening "$3" && return
    alive "$2" || fail "the $1 ended"
    sleep 0.05
  done
  fail "the $1 does not listen on port $3"
}

start_monitor() {
  ceph-mon -f -i a &
  mon=$!
  await_port monitor "$mon" 6789
}

# The storage daemon says nothing of how it fares at once; one that ends within a second is started again.
start_storage() {
  local _
  touch $data/running
  for _ in {1..5}; do
    ceph-osd -f -i 0 2> >(grep -v --line-buffered 'unable to get device name' >&2) &
    osd=$!
    sleep 0.7
    alive "$osd" && return
    log 'the storage daemon ended, starting it again'
  done
  fail 'the storage daemon does not stay up'
}

# Makes an empty store. What an interrupted first start left was never used, and goes.
create_store() {
  log 'first start: making the store'
  local uuid free made
  rm -rf $data/{mon,osd,id,size,keys,running}
  mkdir $data/mon $data/osd
  cat /proc/sys/kernel/random/uuid > $data/id
  # A sparse file of four fifths of what is free. It cannot grow later, and must not fill the disk.
  free=$(df --output=avail --block-size=1M $data | tail -1)
  echo $((free / 5 * 4 * 1048576)) > $data/size
  describe_store

  monmaptool --create --addv a '[v1:127.0.0.1:6789]' --fsid "$(< $data/id)" $run/monmap > /dev/null || fail 'monmaptool'
  ceph-mon --mkfs -i a --monmap $run/monmap || fail 'making the monitor'
  start_monitor
  uuid=$(< /proc/sys/kernel/random/uuid)
  ceph-osd -i 0 --mkfs --osd-uuid "$uuid" &
  made=$!
  printf '%s\n' "osd new $uuid" 'osd crush add osd.0 1 root=default host=local' | timeout 60 ceph > $run/create.log 2>&1 \
    || fail "placing the storage daemon: $(< $run/create.log)"
  wait "$made" || fail 'making the storage daemon'
  sync
  touch $data/initialized
  sync
}

describe_store() {
  export CEPH_ARGS="--fsid=$(< $data/id) --bluestore-block-size=$(< $data/size)"
}

open_store() {
  describe_store
  start_monitor
  # After a kill the monitor still believes in the old storage daemon, and would wait for its leases to run out.
  [[ -e $data/running ]] && { timeout 20 ceph osd down 0 --definitely-dead > /dev/null 2>&1 || log 'osd down failed'; }
}

# Gives up as soon as one of the daemons ends.
admin() {
  timeout 90 radosgw-admin -n client.rgw "$@" > /dev/null 2> $run/admin.log &
  local process=$!
  while alive "$process"; do
    alive "$mon" && alive "$osd" || { kill "$process"; fail 'monitor or storage daemon ended'; }
    sleep 0.05
  done
  wait "$process"
}

# One user, whose keys are those of the environment; 0 stands for any number of buckets.
set_keys() {
  local keys
  keys=$(printf '%s\n' "$S3_ACCESS_KEY" "$S3_SECRET_KEY" | sha256sum)
  [[ -e $data/keys && $(< $data/keys) == "$keys" ]] && return
  local credentials=(--uid=cahier "--access-key=$S3_ACCESS_KEY" "--secret-key=$S3_SECRET_KEY")
  if admin user info --uid=cahier; then
    admin user modify "${credentials[@]}" || fail "changing the keys: $(tail -3 $run/admin.log)"
  else
    admin user create --display-name=cahier --max-buckets=0 "${credentials[@]}" \
      || fail "making the user: $(tail -3 $run/admin.log)"
  fi
  echo "$keys" > $data/keys
  sync $data/keys
}

trap 'log stopping; stop_all; exit 0' TERM INT

rm -rf ${run:?}/*
mkdir $run/rgw
if [[ -e $data/initialized ]]; then open_store; else create_store; fi
start_storage
set_keys
radosgw -f -n client.rgw &
gateway=$!
await_port gateway "$gateway" 9000
touch $run/ready
log 'ready'

wait -n "$mon" "$osd" "$gateway"
fail "a daemon ended with $?"
