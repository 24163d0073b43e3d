#!/bin/sh
# Makes the secrets of compose.yaml, each a file of its own, and never overwrites one that is there.
# The folder is its owner's alone (0700). The files inside can be read by any user, because each service has a user of its own
# and a file that is mounted into a container keeps its mode; the two tokens can be written too, by InfluxDB, which makes them.
set -eu

folder=${1:-secrets}
umask 077
mkdir -p "$folder"
chmod 0700 "$folder"

make_file() { # name, mode; the content is read
    if [ -e "$folder/$1" ]; then
        echo "$folder/$1 is there: left as it is"
        return
    fi
    cat >"$folder/.new"
    chmod "$2" "$folder/.new"
    mv "$folder/.new" "$folder/$1"
    echo "$folder/$1 made"
}

random() { # 192 bits, in letters and digits
    od -An -N 24 -t x1 /dev/urandom | tr -d ' \n'
}

for name in influxdb_admin_password influxdb_admin_token grafana_admin_password grafana_secret_key; do
    secret=$(random)
    [ ${#secret} -eq 48 ] || { echo "no random bytes are to be had" >&2; exit 1; } # an empty secret would be taken as well
    printf %s "$secret" | make_file "$name" 0444
done
make_file influxdb_write_token 0666 </dev/null
make_file influxdb_read_token 0666 </dev/null
# Where Grafana sends alerts. Nobody listens there: put your own address in its place.
echo 'http://127.0.0.1:9/nobody-listens' | make_file alert_webhook 0444
