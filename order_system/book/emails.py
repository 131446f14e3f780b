"""Customers' e-mails: the book keeps none of them. Of each it has a keyed hash, by which whoever knows the
e-mail finds its orders; without the key nobody can try out which e-mails those may be."""

import hmac

import sqlalchemy as sa

from order_system.book.tables import identity
from order_system.domain.search import normal_email
from order_system.infra.database import Database


def email_hash(database: Database, tx: sa.Connection, email: str) -> str:
    """By ORDER_EMAIL_KEY; unless that is set, by the key that was made with the book."""
    if database.email_key is None:
        database.email_key = tx.execute(sa.select(identity.c.email_key)).scalar_one()
    return hmac.digest(database.email_key.encode(), normal_email(email).encode(), "sha256").hex()
