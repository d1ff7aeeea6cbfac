import Ledger

/// What mails about alerts say, in each language. `{product}`, `{value}`, ... are put in by `AlertMail`.
enum AlertText: CaseIterable {
    case codesLow, codesLowResolved, codesLowBody
    case nearExpiry, nearExpiryResolved, nearExpiryBody
    case messagesLow, messagesLowResolved, messagesLowBody
    case otaLow, otaLowResolved, otaLowBody
    case refused, refusedResolved, refusedBody
    case atLimit, atLimitResolved, atLimitBody
    case certificate, certificateResolved, certificateBody
    case backup, backupResolved, backupBody
    case authority, authorityResolved, authorityBody
    case list, listResolved, listBody
    case valueNow
    case footer, operatorFooter
    case testSubject, testBody

    func text(in language: AlertLanguage) -> String {
        switch language {
        case .english: english
        case .chinese: chinese
        }
    }

    private var english: String {
        switch self {
        case .codesLow: "{product}: {value} activation codes left"
        case .codesLowResolved: "{product}: enough activation codes again"
        case .codesLowBody:
            "Product {product} (PK {pk}) had {value} activation codes left; the alert is set to {threshold}."
                + " A device that needs a code when none is left can't connect."
        case .nearExpiry: "{product}: activation codes of {value} devices end soon"
        case .nearExpiryResolved: "{product}: no activation codes end soon any more"
        case .nearExpiryBody:
            "The activation codes of {value} devices of product {product} (PK {pk}) end soon. Please make sure"
                + " that the product has enough codes left: a device whose code is not renewed can't connect."
        case .messagesLow: "{value} messages left in the top-up packs"
        case .messagesLowResolved: "Enough messages in the top-up packs again"
        case .messagesLowBody:
            "The message packs of account {account} had {value} messages left; the alert is set to {threshold}."
                + " When they are used up, devices over their daily allowance wait for the next day."
        case .otaLow: "{value} OTA upgrades left in the top-up packs"
        case .otaLowResolved: "Enough OTA upgrades in the top-up packs again"
        case .otaLowBody:
            "The OTA packs of account {account} had {value} upgrades left; the alert is set to {threshold}."
                + " When they are used up, devices over their monthly allowance can't be upgraded."
        case .refused: "{product}: {value} devices refused, as no activation code is left"
        case .refusedResolved: "{product}: no device is refused for want of a code any more"
        case .refusedBody:
            "{value} devices of product {product} (PK {pk}) could not connect, as it had no activation code left: {devices}."
                + " Please buy codes, or assign some to the product. While it goes on you hear of it once a day."
        case .atLimit: "{value} devices have used their daily allowance"
        case .atLimitResolved: "No device has used up its daily allowance for two days"
        case .atLimitBody:
            "{value} devices of account {account} wanted more messages than their daily allowance has: {products}."
                + " Without a top-up pack they wait for the next day. While it goes on you hear of it once a day."
        case .certificate: "Node {node}: a TLS certificate ends in {value} days"
        case .certificateResolved: "Node {node}: no TLS certificate ends soon any more"
        case .certificateBody:
            "A certificate of node {node} had {value} days left; the warning is set to {threshold} days. Please put a new one"
                + " in its file, and send SIGHUP. /readyz and the log say which file it is. Behind its end devices can't connect."
        case .backup: "Node {node}: the last backup is {value} days old"
        case .backupResolved: "Node {node}: there is a new backup"
        case .backupBody:
            "The last whole backup of node {node} was {value} days old; the alert is set to {threshold} days. Please see what has"
                + " become of the schedule that makes backups."
        case .authority: "Authority {authority}: its certificate ends in {value} days"
        case .authorityResolved: "Authority {authority}: its end is settled"
        case .authorityBody:
            "The certificate of authority {authority} of account {account} had {value} days left; the alert is set to {threshold}"
                + " days. Behind its end no device with a certificate by it can connect. Please register its successor in time: one"
                + " with the same name and key, or another one whose certificates the devices are given."
        case .list: "Authority {authority}: a new revocation list is due in {value} days"
        case .listResolved: "Authority {authority}: no revocation list is due any more"
        case .listBody:
            "The list of revoked certificates of authority {authority} of account {account} had {value} days left until the next one"
                + " is due; the alert is set to {threshold} days, or a quarter of the time that a list is for. It goes on counting,"
                + " but what was revoked since is not in it. Please give the gateway the authority's latest list."
        case .valueNow: "Now it is {value}."
        case .footer:
            "Alert {alert} of account {account}, {time}. You get this because the account, or its list of"
                + " contacts, has your address."
        case .operatorFooter:
            "Alert {alert} of node {node}, {time}. You get this because your address is alerts.operatorAddress of the"
                + " gateway's configuration."
        case .testSubject: "Test message"
        case .testBody: "Mail about alerts from this gateway arrives here."
        }
    }

    private var chinese: String {
        switch self {
        case .codesLow: "{product}：激活码仅剩 {value} 个"
        case .codesLowResolved: "{product}：激活码数量已恢复充足"
        case .codesLowBody:
            "产品 {product}（PK {pk}）的激活码仅剩 {value} 个，告警阈值为 {threshold} 个。激活码用完后，需要激活码的设备将无法连接。"
        case .nearExpiry: "{product}：{value} 台设备的激活码即将到期"
        case .nearExpiryResolved: "{product}：已没有即将到期的激活码"
        case .nearExpiryBody:
            "产品 {product}（PK {pk}）有 {value} 台设备的激活码即将到期。请确保该产品下有充足的可用激活码，避免激活码到期后设备无法连接。"
        case .messagesLow: "消息补充包仅剩 {value} 条"
        case .messagesLowResolved: "消息补充包余量已恢复充足"
        case .messagesLowBody:
            "账号 {account} 的消息补充包仅剩 {value} 条，告警阈值为 {threshold} 条。用完后，当日消息数超出套餐的设备需等到次日。"
        case .otaLow: "OTA 补充包仅剩 {value} 次"
        case .otaLowResolved: "OTA 补充包余量已恢复充足"
        case .otaLowBody:
            "账号 {account} 的 OTA 补充包仅剩 {value} 次，告警阈值为 {threshold} 次。用完后，当月 OTA 次数超出套餐的设备无法升级。"
        case .refused: "{product}：{value} 台设备因激活码用完被拒绝连接"
        case .refusedResolved: "{product}：已没有设备因缺少激活码被拒绝连接"
        case .refusedBody:
            "产品 {product}（PK {pk}）的激活码已用完，{value} 台设备无法连接：{devices}。请购买激活码或为该产品分配激活码。情况持续期间，每天通知一次。"
        case .atLimit: "{value} 台设备已用完当日消息套餐"
        case .atLimitResolved: "两天内没有设备用完当日消息套餐"
        case .atLimitBody:
            "账号 {account} 的 {value} 台设备当日消息数超出套餐：{products}。没有补充包时，这些设备需等到次日。情况持续期间，每天通知一次。"
        case .certificate: "节点 {node}：TLS 证书将在 {value} 天后到期"
        case .certificateResolved: "节点 {node}：已没有即将到期的 TLS 证书"
        case .certificateBody:
            "节点 {node} 的证书还有 {value} 天到期，告警阈值为 {threshold} 天。请更换证书文件并发送 SIGHUP；具体文件见 /readyz 和日志。证书到期后设备将无法连接。"
        case .backup: "节点 {node}：最近一次备份已是 {value} 天前"
        case .backupResolved: "节点 {node}：已有新的备份"
        case .backupBody:
            "节点 {node} 最近一次完整备份是 {value} 天前，告警阈值为 {threshold} 天。请检查备份计划是否正常执行。"
        case .authority: "CA {authority}：证书将在 {value} 天后到期"
        case .authorityResolved: "CA {authority}：证书到期问题已解决"
        case .authorityBody:
            "账号 {account} 的 CA {authority} 的证书剩余 {value} 天，告警阈值为 {threshold} 天。到期后，持有其签发证书的设备将无法连接。请及时登记后继证书：同名同密钥的新证书，或另一张 CA 证书并为设备更换证书。"
        case .list: "CA {authority}：新的证书吊销列表应在 {value} 天内提交"
        case .listResolved: "CA {authority}：证书吊销列表已更新"
        case .listBody:
            "账号 {account} 的 CA {authority} 的证书吊销列表距下次更新还有 {value} 天，告警阈值为 {threshold} 天，或列表有效期的四分之一。现有列表继续有效，但不包含此后吊销的证书。请提交 CA 最新的吊销列表。"
        case .valueNow: "当前数量：{value}。"
        case .footer: "告警 {alert}，账号 {account}，{time}。您的邮箱是该账号的邮箱或在其接警人列表中，因此收到此邮件。"
        case .operatorFooter:
            "告警 {alert}，节点 {node}，{time}。您的邮箱是本网关配置中的 alerts.operatorAddress，因此收到此邮件。"
        case .testSubject: "测试邮件"
        case .testBody: "本网关的告警邮件可以送达此邮箱。"
        }
    }
}

extension AlertText {
    /// The subject of an alert's mail, that of its resolution, and what both say.
    static func texts(of place: AlertPlace) -> AlertTexts {
        let (subject, resolved, body) = parts(of: place)
        return AlertTexts(
            subject: subject, resolved: resolved, body: body,
            hasValueNow: !place.kind.isDigest && !place.kind.isOfNode && !place.kind.isOfAuthority)
    }

    private static func parts(
        of place: AlertPlace
    ) -> (subject: AlertText, resolved: AlertText, body: AlertText) {
        switch (place.kind, place.subject) {
        case (.codesLow, _): (.codesLow, .codesLowResolved, .codesLowBody)
        case (.nearExpiry, _): (.nearExpiry, .nearExpiryResolved, .nearExpiryBody)
        case (.packsLow, .packs(.ota)): (.otaLow, .otaLowResolved, .otaLowBody)
        case (.refusedForCode, _): (.refused, .refusedResolved, .refusedBody)
        case (.atDailyLimit, _): (.atLimit, .atLimitResolved, .atLimitBody)
        case (.certificateEnding, _): (.certificate, .certificateResolved, .certificateBody)
        case (.backupOld, _): (.backup, .backupResolved, .backupBody)
        case (.authorityEnding, _): (.authority, .authorityResolved, .authorityBody)
        case (.revocationListDue, _): (.list, .listResolved, .listBody)
        case (.packsLow, .packs(.messages)), (.packsLow, .product), (.packsLow, .account),
            (.packsLow, .node), (.packsLow, .authority):
            (.messagesLow, .messagesLowResolved, .messagesLowBody)
        }
    }
}

/// What a mail about an alert is made of.
struct AlertTexts {
    let subject: AlertText

    /// The subject of what says that it is resolved.
    let resolved: AlertText
    let body: AlertText

    /// Whether it is worth saying how many there are when it is resolved.
    let hasValueNow: Bool
}
