
|
shop/paid.protoshop"(
Money
currency (	
units ("1
Paid
order (	
total (2.shop.Moneybproto3