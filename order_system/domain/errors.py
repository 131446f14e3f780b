"""What can go wrong, told apart by what may be done about it.

*Business errors* are a definite "no": somebody decided. They are never retried; the order is undone.
*Transient errors* are trouble on the way: they are retried with the same idempotency key. Of those that a
gateway raises, only `NotReached` promises that nothing happened; after any other the effect may exist."""


class OrderSystemError(Exception):
    """The root of all errors that this system raises on purpose. Its message is meant for people."""


class BusinessError(OrderSystemError):
    """A definite no. Never retried, and nothing was done."""


class PaymentDeclined(BusinessError):
    """The card's issuer or the gateway refuses the charge."""


class PaymentNotConfirmed(BusinessError):
    """The payment that is said to have paid the order does not exist, or is not what it should be."""


class CannotHold(BusinessError):
    """This payment gateway cannot authorise now and capture later, or take over what others authorised."""


class RefundRefused(BusinessError):
    """The gateway certainly gives nothing back: less is left, for example, or it knows no such charge."""


class OutOfStock(BusinessError):
    """At least one line cannot be served; no line of the order was reserved."""


class ShippingRefused(BusinessError):
    """The carrier will not take this parcel, or the label was voided."""


class NoticeRefused(BusinessError):
    """The mailer refuses the recipient."""


class ReceiverGone(BusinessError):
    """The receiver of webhooks wants no more of them (`410 Gone`)."""


class Fenced(BusinessError):
    """The book refuses the claim: the effect is being undone, or the submission is closed."""


class OrderConflict(BusinessError):
    """Other content under the ID of an order that runs, waits or is fulfilled."""


class OpenElsewhere(BusinessError):
    """An older submission of this order is open on another Temporal server, where it may still run."""


NEVER_RETRIED = [error.__name__ for error in (BusinessError, *BusinessError.__subclasses__())]
"""The names of all these. Retry policies compare the exact name, so `as_ours` makes yours one of them."""


class TransientError(OrderSystemError):
    """Trouble on the way. Retried with the same key; the effect may exist, unless its class denies that."""


class NotReached(TransientError):
    """The request certainly was not carried out (connection refused, told to come back later).

    `retry_after`: seconds that the provider asks us to wait (`Retry-After`). None: our own pauses."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AnswerLost(TransientError):
    """The request was sent and no answer came: it may or may not have been carried out."""


class OutcomeUnknown(TransientError):
    """The request was sent once, never answered, and is never sent again: only a person can find out more. No
    further attempt is made at an effect; an undo is retried, in case the answer becomes known."""


class DiesInEachCall(TransientError):
    """No attempt at this effect has come to an end so far: its worker died, or was too slow, each time."""


class BookTooLate(TransientError):
    """The order book let an attempt begin when its time was up: the gateway was not called."""


class StillInDoubt(TransientError):
    """An undo found nothing, but an unanswered attempt may still land: ask again later."""


class RefundByHand(TransientError):
    """The gateway cannot give this money back: a person must do it, and say so."""


class ParcelIsGone(OrderSystemError):
    """A person says that a shipment was voided, but the carrier has said that its parcel is gone."""


class NotYetVoided(TransientError):
    """Stock or money was to be given back before shipping's undo had answered `voided`."""


class WrongBook(TransientError):
    """A worker was given another book's work, and did nothing: a worker of that book must take it."""


class NewerBook(TransientError):
    """The book has an effect or a state that only a newer version of this program knows. Nothing was done."""


class InvalidOrder(OrderSystemError):
    """Bad input, refused when it is read. The message names the field, the place and the cure."""


class ServerUnreachable(OrderSystemError):
    """The Temporal server does not answer."""


class ServerAway(ServerUnreachable):
    """Nothing answers at the server's address."""


class InvalidSettings(OrderSystemError):
    """A setting has a bad value. One line: the variable, what is wrong with it, the cure."""


class InvalidUsage(OrderSystemError):
    """What was asked for makes no sense as it stands."""


class EmbeddedServerFailed(ServerUnreachable):
    """The embedded Temporal server is not installed, or did not start."""


class ReconciliationFailed(OrderSystemError):
    """A run of the reconciler could not ask the book or the server."""


class UnknownOrder(OrderSystemError):
    """Neither the server nor the book has such an order."""


class UnknownBatch(OrderSystemError):
    """Neither the server nor the book has such a batch."""


class UnknownWorkflow(OrderSystemError):
    """Neither the server nor the book has a workflow of this ID."""


class NoWorkerAnswers(OrderSystemError):
    """The server is up, but no worker is there to answer for a workflow."""


class AnswerRefused(OrderSystemError):
    """An order does not take a person's answer: there is nothing to answer, or it does not fit."""


class ForgettingRefused(OrderSystemError):
    """An order is not forgotten, or not all of it yet: it has not ended for good, for example."""


class UploadFailed(OrderSystemError):
    """A file that is being uploaded cannot be kept."""


class DatabaseUnready(OrderSystemError):
    """The database cannot be opened, or its tables are missing or outdated."""


class DatabaseUnreachable(DatabaseUnready):
    """The database is not there, does not answer, or has no room for us now: that may pass."""


class BookGone(DatabaseUnready):
    """The order book that this process has opened is no longer there, or another one is in its place."""


class KeyTrouble(OrderSystemError):
    """Data for or from the Temporal server cannot be sealed or opened with the keys that are here. That
    passes once the key is there. Nobody can ever read again what a destroyed key has sealed."""


OUR_OWN_TROUBLE = (DatabaseUnready, NewerBook, ServerUnreachable, BookTooLate, KeyTrouble)
"""These are never held against a gateway: an order waits as long as they last."""


def as_ours(failure: OrderSystemError) -> OrderSystemError:
    """Return `failure`; or, if a gateway has made a subclass of one of these, an error of ours with the same
    message. Temporal tells errors apart by the name of their class alone."""
    ours = next(each for each in type(failure).__mro__ if each.__module__ == __name__)
    return failure if type(failure) is ours else ours(str(failure))
