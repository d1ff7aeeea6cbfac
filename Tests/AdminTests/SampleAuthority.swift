/// Certificates of an authority and what proves it, made once: they hold from 2020 to 2098, at the time of the tests' gateway,
/// too, and the code is the one of `Client.mintKey`.
enum SampleAuthority {
    /// The authority's own.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBRzCB76ADAgECAhRK/F71SoF7XAw2zZ1QNhWIoZPm/DAKBggqhkjOPQQDAjAZ
        MRcwFQYDVQQDDA5BY21lIGZhY3RvcnkgMTAgFw0yMDAxMDEwMDAwMDBaGA8yMDk5
        MDEwMTAwMDAwMFowGTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwWTATBgcqhkjO
        PQIBBggqhkjOPQMBBwNCAASL6RdMInc4YAxWuB1vxxMkjmF6V4Zu2Pv+atpLQGXJ
        Q9QEnGvHO3NJrwuRNSIq4QXgwhHcr0NfQYH4mJJW/65moxMwETAPBgNVHRMBAf8E
        BTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIFVJcY2Fxa7rnQUwnkaC5pRkUzzI7xY9
        Jv4fC3NSDb1hAiA2cbn2uvuLoi9OfJ/T2v6aLWwxJPUE22Ws6HF2/fJSWg==
        -----END CERTIFICATE-----

        """

    /// For the account `acme`.
    static let proof = """
        -----BEGIN CERTIFICATE-----
        MIIBeDCCAR6gAwIBAgIUTOj3XWIga83Uo/5kYthXoX0cT7AwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwIBcNMjAwMTAxMDAwMDAwWhgPMjA5
        OTAxMDEwMDAwMDBaMEsxSTBHBgNVBAMMQGZlZWYwOGIyN2NmNWE2YzA0ZDc3YmI1
        ZDc2MjliZWZlZDJlMjY1YWExYzZhNjllYzZhZTNlOTUzY2ZmMzUwODIwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAAQj5nxU9oH83XSaVug2eA+AN02E8qjC3YfnW0F5
        errpq4kdUXvHdynUVHJB8qZchviYjcZgOUiwg36F8B271s/yoxAwDjAMBgNVHRMB
        Af8EAjAAMAoGCCqGSM49BAMCA0gAMEUCIA5t+D+tpSd1ZHxC79ox0Mq1VyfXonVa
        Ng3aq/E+R++hAiEArNXyVH0MkXznLocXIfGL9Q7H7X5smtqDYyLoKvUdiCA=
        -----END CERTIFICATE-----

        """

    /// For the account `other`.
    static let proofOfOther = """
        -----BEGIN CERTIFICATE-----
        MIIBeDCCAR6gAwIBAgIULijiZmNplsJ3czUq9/Kwa9EOYHEwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwIBcNMjAwMTAxMDAwMDAwWhgPMjA5
        OTAxMDEwMDAwMDBaMEsxSTBHBgNVBAMMQGVhZjRlMWRmZjkzMWViNjE4M2M2NTc5
        N2YwZjI3MDJiNmE5MDk4MWQzNzE0NDUzNDhlZGY1MGU2OTI5YTI5MWQwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAASsKz5uevmSF4S5EgXRX4WpaFtsm9Ncku/mlRkz
        a9eoM94sfovFHDevC2TE/U/je8MiZuNqeN9wJhiqzOUPk1eGoxAwDjAMBgNVHRMB
        Af8EAjAAMAoGCCqGSM49BAMCA0gAMEUCIQCBUhASbMMeyo/pBpW2jMG34RKeQRdT
        G82vW4xEg4/FugIgXF1YEDJLh8IJwNgoob4igi/MNtJCBZvfLBAyjR3ohrI=
        -----END CERTIFICATE-----

        """

    /// For no account's code.
    static let proofOfNone = """
        -----BEGIN CERTIFICATE-----
        MIIBdzCCAR6gAwIBAgIUHxxk2XguQvDs7vVP119w26HRS3swCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwIBcNMjAwMTAxMDAwMDAwWhgPMjA5
        OTAxMDEwMDAwMDBaMEsxSTBHBgNVBAMMQDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw
        MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAAS9AUfWaC6TDW07kUho9mzwRxKVD4Ek7IaPQmWP
        Pzyrf+TQGjkFNycQvW5o34GYqhc6i+usgtqfntmXMZQODs6HoxAwDjAMBgNVHRMB
        Af8EAjAAMAoGCCqGSM49BAMCA0cAMEQCIAwM6IszMBMMjKa7IqNLKNDZK4Qygb9y
        kcFFGWhiuB73AiAWb5TWWCjPnfO3azROWih+zEdYyZS0ZmBDk6BP4XwAAw==
        -----END CERTIFICATE-----

        """

    /// The certificate's fingerprint.
    static let id = "d686a3d9a6e1b0a7fbb588c560d3f78f1c69b5e4ebb258816180d91d582bc7f0"

    /// What `acme` is to prove an authority with.
    static let code = "feef08b27cf5a6c04d77bb5d7629befed2e265aa1c6a69ec6ae3e953cff35082"
}
