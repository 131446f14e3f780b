#!/bin/sh
# The namespace `default` with our search attributes. May run again.
set -eu

temporal operator namespace describe --namespace default ||
  temporal operator namespace create --namespace default --retention "$RETENTION"

# A namespace that was registered just now is not seen at once by all parts of the server.
tries=0
until temporal operator search-attribute create --namespace default \
  --name OrderStatus --type Keyword --name OrderId --type Keyword \
  --name FailedStep --type Keyword --name BatchName --type Keyword; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || exit 1
  sleep 1
done
