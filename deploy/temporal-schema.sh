#!/bin/sh
# Both of Temporal's stores, at the version of this image. Every command here may run again.
set -eu

prepare() { # the database, the folder of its schema
  tool="temporal-sql-tool --plugin postgres12 --ep postgresql -p 5432 -u temporal --db $1"
  $tool create
  $tool setup-schema -v 0.0
  $tool update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
