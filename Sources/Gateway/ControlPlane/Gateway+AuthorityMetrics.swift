import Ledger
import Storage
import Telemetry
import Time

extension Gateway {
    /// So many authorities have figures of their own.
    private static var shownAuthorities: Int { 100 }

    /// When accounts' authorities, and their lists of revoked certificates, end: read once a minute.
    func writeAuthorities(into page: inout PrometheusText) {
        let ends: AuthorityEnds
        do throws(StoreError) {
            ends = try commons.authorityEnds.value { () throws(StoreError) in
                try ledger.read { (books, transaction) throws(StoreError) in
                    try books.authorityEnds(limit: Self.shownAuthorities, in: transaction)
                }
            }
        } catch {
            // That the books can't be read is said by readiness and the log.
            return
        }
        for (name, help, samples) in [
            (
                "authority_not_after_seconds",
                "When certificates of accounts' authorities end, Unix time: the 100 that end first, of those that are on; of one name and key the last.",
                ends.certificates
            ),
            (
                "revocation_list_next_update_seconds",
                "When the next lists of revoked certificates are due, Unix time: the 100 that are due first.",
                ends.lists
            ),
        ] {
            page.begin("tollgate_\(name)", help: help, kind: .gauge)
            for sample in samples {
                page.sample(
                    Int(sample.at.milliseconds / 1_000),
                    labels: [
                        PrometheusLabel("account", sample.account.text),
                        PrometheusLabel("authority", sample.authority.text),
                    ])
            }
        }
    }
}
