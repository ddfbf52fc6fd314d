#!/usr/bin/env bash
# astropy 8.0.2: a boolean array, as masks are, cannot become a FITS image; the error is a KeyError of its own table.
#
# Guess, before it was run: it is stored as bytes of 0 and 1.
# Seen: KeyError 'bool', from the table that turns NumPy's types into BITPIX.
# Source: astropy.io.fits.hdu.image, DTYPE2BITPIX.
. "$(dirname "$0")/common.sh"
installs astropy==8.0.2
python -W ignore - >out <<'END'
import numpy as np
from astropy.io import fits

try:
    fits.PrimaryHDU(np.eye(3, dtype=bool)).writeto("mask.fits")
    print(fits.getdata("mask.fits").dtype)
except Exception as error:
    print(type(error).__name__, error)
END
seen "$0" <<'END'
KeyError 'bool'
END
