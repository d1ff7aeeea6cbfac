/// Certificates of an authority and what proves it, made once: they hold from 2020 to 2098, at the time of the tests' gateway,
/// too, and the code is the one of `Client.mintKey`.
enum SampleAuthority {
    /// The authority's own.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBSTCB76ADAgECAhQlxL36NRoq/adoGElfQ6r/Qy0uzjAKBggqhkjOPQQDAjAZ
        MRcwFQYDVQQDDA5BY21lIGZhY3RvcnkgMTAgFw0yMDAxMDEwMDAwMDBaGA8yMDk5
        MDEwMTAwMDAwMFowGTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwWTATBgcqhkjO
        PQIBBggqhkjOPQMBBwNCAASrk4mXZ1gqkyyqjnmOVuAvpFJZza6Tfr2z+9HTk/tx
        bqrFYZrU1DQhuwXWU2XqZ3Vyk5RybWv3Q7jCfAq4TrA7oxMwETAPBgNVHRMBAf8E
        BTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCj/9p1meU3AU4EzK0WX5ptYApnSvPm
        mSnD2y06phC+xgIhAOTfcXhOL3gETOkfW5pqPz74TG+nz/4JIbIfhL+9pjKZ
        -----END CERTIFICATE-----

        """

    /// For the account `acme`.
    static let proof = """
        -----BEGIN CERTIFICATE-----
        MIIBeDCCAR6gAwIBAgIUMZ+aYKpCYLMAErvyJNjWvyw3lHEwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwIBcNMjAwMTAxMDAwMDAwWhgPMjA5
        OTAxMDEwMDAwMDBaMEsxSTBHBgNVBAMMQGZlZWYwOGIyN2NmNWE2YzA0ZDc3YmI1
        ZDc2MjliZWZlZDJlMjY1YWExYzZhNjllYzZhZTNlOTUzY2ZmMzUwODIwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAASwKWvmI/VMEafYn76+7l/1cE+BeYH5l+fjKCzt
        GWR+cJSk4rVUMcusqbpl5qb/4Z40h1Iz3g14iNGMxJcVoktNoxAwDjAMBgNVHRMB
        Af8EAjAAMAoGCCqGSM49BAMCA0gAMEUCIFj5d6X+x0PfiG11cF0MaMRKUXXeOJKL
        I888qQvfGNk9AiEAjKTvj3smJPFOujgEMX9mq2beIcyoLd0p9bL4uTbtqHY=
        -----END CERTIFICATE-----

        """

    /// For the account `other`.
    static let proofOfOther = """
        -----BEGIN CERTIFICATE-----
        MIIBdzCCAR6gAwIBAgIUBFj0Cb8kefdVb5zrzf1WVOsAlQ0wCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwIBcNMjAwMTAxMDAwMDAwWhgPMjA5
        OTAxMDEwMDAwMDBaMEsxSTBHBgNVBAMMQGVhZjRlMWRmZjkzMWViNjE4M2M2NTc5
        N2YwZjI3MDJiNmE5MDk4MWQzNzE0NDUzNDhlZGY1MGU2OTI5YTI5MWQwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAASuE115oVKzR9KU2vL/dMOlHleCb5J3DFpKO1at
        e7I/NC62ogHldc5IS1bfTEEWTv5ZOTQ8vLKT0yW7ofRHfHy2oxAwDjAMBgNVHRMB
        Af8EAjAAMAoGCCqGSM49BAMCA0cAMEQCIArhmrFTaO9QFfgNxFDTfXgcWfQx3k4N
        IUJRryOkfGJ0AiAm6CXRD07wl+M6NHBYrh/5Cz9g0Hv8AM+qN8CcYHicSQ==
        -----END CERTIFICATE-----

        """

    /// For no account's code.
    static let proofOfNone = """
        -----BEGIN CERTIFICATE-----
        MIIBeDCCAR6gAwIBAgIUPS4zfjwDE5xuWsqftmO73MSXC+cwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEwIBcNMjAwMTAxMDAwMDAwWhgPMjA5
        OTAxMDEwMDAwMDBaMEsxSTBHBgNVBAMMQDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw
        MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAAQ4SEfE9r+F0YcdrArmsUyRpZ7MZohiEDRiWbMn
        9Gx1EqUYHvVX1EovS+U/p5+WEpuxqxJcyfT7MQfaXXPYJJrmoxAwDjAMBgNVHRMB
        Af8EAjAAMAoGCCqGSM49BAMCA0gAMEUCIQDqwhcl+teVE5S5PcVreRwHU3QDEQvs
        rwsH8nmhjc5HlQIgWcMV05ex1l53W5+XAhsUDzK8yrsJVWSfHK4fhX9Swf4=
        -----END CERTIFICATE-----

        """

    /// The certificate's fingerprint.
    static let id = "ec3bd35558e668691855ba34c02b4f713acb3ee52ea9b546dc455313f53000ab"

    /// What `acme` is to prove an authority with.
    static let code = "feef08b27cf5a6c04d77bb5d7629befed2e265aa1c6a69ec6ae3e953cff35082"

    /// Its lists of revoked certificates.
    enum Revocations {
        /// Number 5, of 2026-11-01, with the serial numbers 0x1001 and 0x1002, and the next one due in December.
        static let former = """
            -----BEGIN X509 CRL-----
            MIHcMIGEAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDkFjbWUgZmFjdG9yeSAx
            Fw0yNjExMDEwMDAwMDBaFw0yNjEyMDEwMDAwMDBaMCowEwICEAEXDTI2MTEwMTAw
            MDAwMFowEwICEAIXDTI2MTEwMTAwMDAwMFqgDjAMMAoGA1UdFAQDAgEFMAoGCCqG
            SM49BAMCA0cAMEQCIAICokz2Sc6SriDEUuFhrpCn7Bl/tRAKi16KbpBstMMOAiBq
            LR5RR2L1T5djhALNgR2hfcGTEc3gJdQMISqS7fFjNw==
            -----END X509 CRL-----

            """

        /// Number 6, of 2026-11-20, with 0x1002 alone, and the next one due in 2098.
        static let later = """
            -----BEGIN X509 CRL-----
            MIHJMHECAQEwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEX
            DTI2MTEyMDAwMDAwMFoYDzIwOTgwMTAxMDAwMDAwWjAVMBMCAhACFw0yNjExMjAw
            MDAwMDBaoA4wDDAKBgNVHRQEAwIBBjAKBggqhkjOPQQDAgNIADBFAiBnTTx+5f8Y
            l+uWk9wIVNrlXOgbuiNWE4H6KvFmjqJ2lgIhAL4fqGW4JCBCO3DqnReySAmBgaKC
            LKLhxtJlo52hMwTd
            -----END X509 CRL-----

            """

        /// By another key, in the same name.
        static let ofAnother = """
            -----BEGIN X509 CRL-----
            MIHHMHACAQEwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOQWNtZSBmYWN0b3J5IDEX
            DTI2MTEyMDAwMDAwMFoYDzIwOTgwMTAxMDAwMDAwWjAUMBICAQEXDTI2MTEyMDAw
            MDAwMFqgDjAMMAoGA1UdFAQDAgEHMAoGCCqGSM49BAMCA0cAMEQCIGRYzpND53jc
            tpM8Aqc6J7NMJOD2zuauwlooQRN2wrXBAiBji7I5I+g/yJFnjM4NWKsvtO+Vw9p9
            tQtTCPsjUMGVUQ==
            -----END X509 CRL-----

            """
    }
}
