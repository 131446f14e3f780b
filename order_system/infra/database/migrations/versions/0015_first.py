"""The tables of the first release. It has nothing to do: a new database gets them from their definitions.

From here on a migration only adds. What it makes obsolete goes a release later. `readable_from` is the oldest
revision whose programs may still work with the tables. Only a migration that takes something away raises it,
so that an older worker can be started again after a newer one.
"""

revision = "0015"
down_revision = None
