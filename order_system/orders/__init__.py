"""What a program may ask about orders. `client` submits, watches and cancels, `lists` lists many, `status`
tells where one stands even if its workflow cannot, and `in_book` tells what only the book remembers."""
