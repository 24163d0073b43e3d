#!/bin/bash
# What darkscope needs in InfluxDB 2: two further buckets, a token for the projector, a token for Grafana.
# The image runs this once, after its set-up, with its settings DOCKER_INFLUXDB_INIT_*. It may be run again: buckets stay,
# and the tokens are made anew, which replaces what is in the two files. No secret is an argument of a process or in a log.
set -euo pipefail

bucket=$DOCKER_INFLUXDB_INIT_BUCKET
org=$DOCKER_INFLUXDB_INIT_ORG

identity() {
    influx bucket list --org "$org" --name "$1" --hide-headers 2>/dev/null | cut -f 1
}

have() { # a bucket, how long its points stay (0: for ever), and how long a shard of it is, at most
    [ -n "$(identity "$1")" ] && return
    influx bucket create --org "$org" --name "$1" --retention "$2" --shard-group-duration "$3" >/dev/null 2>&1 ||
        influx bucket create --org "$org" --name "$1" --retention "$2" >/dev/null # stays no longer than a shard
}

# Written into the file that is there: it is mounted alone, so a new one beside it would be seen by nobody.
token() { # a file, a description, rights
    local file=$1 description=$2 made
    shift 2
    made=$(influx auth create --org "$org" --description "$description" --json "$@" |
        sed -n 's/^[[:space:]]*"token": "\(.*\)",\{0,1\}$/\1/p')
    [ -n "$made" ]
    printf '%s\n' "$made" >"$file"
}

# Shards as long as what is asked of them at once: 21 days, a quarter. InfluxDB's own choice makes them cost four times.
have "${bucket}_hour" "${DARKSCOPE_RETENTION_HOUR:-2880h}" 504h
have "${bucket}_day" "${DARKSCOPE_RETENTION_DAY:-9600h}" 2184h
minutes=$(identity "$bucket") hours=$(identity "${bucket}_hour") days=$(identity "${bucket}_day")
reads=(--read-bucket "$minutes" --read-bucket "$hours" --read-bucket "$days")
writes=(--write-bucket "$minutes" --write-bucket "$hours" --write-bucket "$days")

# The projector reads as well: what a bucket has tells whether its disk was lost, and `verify` compares sums.
token "$DARKSCOPE_WRITE_TOKEN_FILE" "darkscope: projector" "${reads[@]}" "${writes[@]}"
token "$DARKSCOPE_READ_TOKEN_FILE" "darkscope: Grafana" "${reads[@]}"
echo "darkscope: buckets $bucket, ${bucket}_hour, ${bucket}_day and two tokens are there"
