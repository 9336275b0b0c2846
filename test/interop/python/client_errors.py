"""Errors of tasks that are not written in Python; a client that imports them gets instances of them."""


class CardDeclined(Exception):
    def __init__(self, reason, options=None):
        super().__init__(reason, options)
        self.reason = reason
