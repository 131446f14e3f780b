"""What a program may ask about orders: `client` to submit, watch and cancel, `lists` for many, `status` for
where one stands if its workflow cannot tell, `in_book` for what only the book remembers."""
