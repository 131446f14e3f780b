"""What a program may ask about orders: `client.OrderClient` to submit, watch and cancel, `lists.OrderLists`
for many at once, `status` for where one stands when its workflow cannot tell, `in_book` for what only the
book remembers."""
