import Ledger

/// What the console says of each kind of alert, in each language.
extension AlertKind {
    func title(in language: Language) -> String {
        let (english, chinese) = titles
        return switch language {
        case .english: english
        case .chinese: chinese
        }
    }

    /// When it is fired.
    func hint(in language: Language) -> String {
        let (english, chinese) = hints
        return switch language {
        case .english: english
        case .chinese: chinese
        }
    }

    private var titles: (english: String, chinese: String) {
        switch self {
        case .codesLow: ("Few activation codes left", "激活码数量不足")
        case .nearExpiry: ("Activation codes end soon", "激活码即将到期")
        case .packsLow: ("Top-up packs run low", "补充包余量不足")
        case .refusedForCode: ("Devices refused for want of a code", "设备因无激活码被拒绝")
        case .atDailyLimit: ("Devices at their daily limit", "设备达到每日限额")
        case .certificateEnding: ("A certificate ends soon", "证书即将到期")
        case .backupOld: ("The last backup is old", "备份已过期")
        case .authorityEnding: ("An authority’s certificate ends soon", "CA 证书即将到期")
        case .revocationListDue: ("A revocation list is due", "证书吊销列表应更新")
        }
    }

    private var hints: (english: String, chinese: String) {
        switch self {
        case .codesLow:
            (
                "Fires when a product has fewer codes left than the number, or than the percentage of all that it ever got, whichever is more.",
                "产品剩余激活码少于该数量，或少于其获得总数的该百分比（取较大者）时触发。"
            )
        case .nearExpiry:
            (
                "Fires when the codes of at least so many devices of a product end within the days.",
                "产品中至少有该数量的设备激活码将在该天数内到期时触发。"
            )
        case .packsLow:
            (
                "Fires when the packs of one kind have fewer units left than the number, or than the percentage of the packs that are not empty.",
                "同类补充包剩余量少于该数量，或少于未用完补充包总量的该百分比时触发。"
            )
        case .refusedForCode:
            (
                "When devices can’t connect as their product has no code left: told of once a day.",
                "产品没有剩余激活码导致设备无法连接时，每天汇总通知一次。"
            )
        case .atDailyLimit:
            (
                "When devices want more messages than a day’s allowance: told of once a day.",
                "设备所需消息超过每日限额时，每天汇总通知一次。"
            )
        case .certificateEnding:
            (
                "When a certificate of a node ends soon, or has ended.",
                "节点的证书即将到期或已到期时。"
            )
        case .backupOld:
            (
                "When a node has made no whole backup for as many days as are configured.",
                "节点在配置的天数内没有完成备份时。"
            )
        case .authorityEnding:
            (
                "Fires when the certificate of an authority ends within the days, unless one with the same name and key goes on. The number means nothing here.",
                "CA 证书将在该天数内到期，且没有同名同密钥的后继证书时触发。数量在此无意义。"
            )
        case .revocationListDue:
            (
                "Fires when an authority’s next list is due within the days, or within a quarter of the time that a list is for, if that is less. The number means nothing here.",
                "CA 的下次吊销列表将在该天数内（或在列表有效期的最后四分之一内，取较短者）到期或已逾期时触发。数量在此无意义。"
            )
        }
    }
}
