"""A booking server that speaks OCTO 1.0 (https://docs.octo.travel) over one SQLite file.

Ours beside the standard, all of it optional for a client:

- ``pricing.total`` repeats ``pricing.retail``; all prices are integers in minor units of ``currency``.
- ``POST /bookings/{uuid}/cancel/quote`` says what a cancellation would cost now, after Duffel's two steps;
  its ``id`` may be handed to ``/cancel`` as ``quoteId``, which then honours the fee until the quote expires.
- ``cancellation`` of a cancelled booking also carries ``fee`` and ``refundAmount``.
- ``GET /bookings`` without ``resellerReference`` lists every booking.
- ``expirationMinutes`` may be a fraction, so that a test can watch a hold expire.
"""
