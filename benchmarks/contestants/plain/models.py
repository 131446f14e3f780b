"""What travels between workflows and activities."""

from pydantic import BaseModel


class Customer(BaseModel):
    name: str
    email: str


class Address(BaseModel):
    street: str
    city: str
    region: str
    postal_code: str
    country: str


class OrderLine(BaseModel):
    sku: str
    quantity: int
    unit_price: int


class Order(BaseModel):
    order_id: str
    currency: str
    customer: Customer
    payment_method: str
    shipping_address: Address
    lines: list[OrderLine]

    @property
    def total(self) -> int:
        return sum(line.quantity * line.unit_price for line in self.lines)


class ChargeRequest(BaseModel):
    order_id: str
    amount: int
    currency: str
    payment_method: str


class Payment(BaseModel):
    payment_id: str
    amount: int


class ReserveRequest(BaseModel):
    order_id: str
    line: OrderLine


class ReservedLine(BaseModel):
    reservation_id: str
    sku: str
    quantity: int


class InventoryRequest(BaseModel):
    order_id: str
    lines: list[OrderLine]


class Reservation(BaseModel):
    lines: list[ReservedLine]


class ShippingRequest(BaseModel):
    order_id: str
    address: Address
    lines: list[OrderLine]


class Label(BaseModel):
    label_id: str
    tracking_number: str


class Shipment(BaseModel):
    tracking_number: str


class NotificationRequest(BaseModel):
    order_id: str
    customer: Customer
    tracking_number: str


class Notice(BaseModel):
    message_id: str


class OrderResult(BaseModel):
    order_id: str
    payment: Payment
    reservation: Reservation
    shipment: Shipment
