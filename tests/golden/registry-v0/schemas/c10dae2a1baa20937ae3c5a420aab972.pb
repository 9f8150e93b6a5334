
I
shop/paid.protoshop"(
Money
currency (	
units (bproto3