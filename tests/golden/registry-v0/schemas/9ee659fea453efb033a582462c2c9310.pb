
Š
shop/paid.protoshop"(
Money
currency (	
units ("?
Paid
order (	
total (2.shop.Money
note (	bproto3