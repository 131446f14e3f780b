#!/bin/sh
# Run once by the image of PostgreSQL, with its first start: our own database beside Temporal's two.
set -eu

psql --username "$POSTGRES_USER" --dbname postgres \
  --set ON_ERROR_STOP=1 --set password="$ORDERS_DB_PASSWORD" <<'SQL'
CREATE ROLE orders LOGIN PASSWORD :'password';
CREATE DATABASE orders OWNER orders;
SQL
