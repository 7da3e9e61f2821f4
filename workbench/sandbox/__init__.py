"""The outside world of the two apps, small enough to run on a laptop.

`gateway` is the payment gateway, `mailbox` the mail server and `social` the social network. All
are real servers that listen on loopback only, keep everything in memory, and forget it when they
stop.
"""
