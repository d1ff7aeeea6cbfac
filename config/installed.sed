# Makes of config/tollgate.yaml the configuration of an installed gateway.
1i\
# The configuration of the gateway that the systemd unit starts. Only the paths of stores, certificate and key differ\
# from the defaults, which the comments name. Reload for new certificates: systemctl reload tollgate.\
#
s|^data: \./data$|data: /var/lib/tollgate|
s|^  certificate: \./data/tls/cert\.pem|  certificate: /etc/tollgate/tls/cert.pem|
s|^  key: \./data/tls/key\.pem|  key: /etc/tollgate/tls/key.pem|
