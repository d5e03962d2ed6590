"""One module for each client library that can be redirected; `shim.redirect` names them."""
