def new_token() -> str:
    return "x"


def hosts_of(host, port):
    return ()


def Guard(app, hosts, token):
    return app
