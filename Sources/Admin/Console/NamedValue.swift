/// Names of the API that people read and that are no column's title: its choices and states. The raw value is the API's name.
enum NamedValue: String, CaseIterable, Sendable {
    case active
    case admitted
    case application
    case believed
    case closed
    case deduction
    case delay
    case delivered
    case disabled
    case disconnect
    case done
    case doubted
    case down
    case ending
    case enterprise
    case expiry
    case finished
    case firstUse = "first-use"
    case gift
    case grant
    case imported
    case inactive
    case individual
    case listed
    case none
    case notReady = "not-ready"
    case offline
    case on
    case `open`
    case `operator`
    case ota
    case overdue
    case owner
    case paused
    case purchase
    case ready
    case refuse
    case refused
    case requested
    case `return`
    case running
    case stopped
    case subAccount = "sub-account"
    case underWay = "under-way"
    case up
    case void

    func text(in language: Language) -> String {
        switch language {
        case .english: english
        case .chinese: chinese
        }
    }

    private var english: String {
        switch self {
        case .active: "Active"
        case .admitted: "admitted"
        case .application: "Application"
        case .believed: "Believed"
        case .closed: "Closed: no new devices"
        case .deduction: "Deduction"
        case .delay: "waits"
        case .delivered: "Delivered"
        case .disabled: "Disabled"
        case .disconnect: "ends the connection"
        case .done: "Finished successfully"
        case .doubted: "Doubted"
        case .down: "To the device"
        case .ending: "Ends soon"
        case .enterprise: "Enterprise"
        case .expiry: "Expiry"
        case .finished: "Finished"
        case .firstUse: "The first one that it is let in with"
        case .gift: "Gift"
        case .grant: "Grant"
        case .imported: "Imported: only devices that were imported"
        case .inactive: "Inactive"
        case .individual: "Individual"
        case .listed: "Those in its list"
        case .none: "None"
        case .notReady: "Not ready"
        case .offline: "Offline"
        case .on: "On"
        case .open: "Open: unknown devices register themselves"
        case .operator: "Operator"
        case .ota: "OTA"
        case .overdue: "Overdue"
        case .owner: "Owner"
        case .paused: "Paused"
        case .purchase: "Purchase"
        case .ready: "Ready"
        case .refuse: "is refused"
        case .refused: "refused"
        case .requested: "Requested"
        case .return: "Return"
        case .running: "Running"
        case .stopped: "Stopped"
        case .subAccount: "Sub-account"
        case .underWay: "Being sent"
        case .up: "From the device"
        case .void: "Void"
        }
    }

    private var chinese: String {
        switch self {
        case .active: "已激活"
        case .admitted: "允许"
        case .application: "应用"
        case .believed: "可信"
        case .closed: "关闭：不接受新设备"
        case .deduction: "扣减"
        case .delay: "等待"
        case .delivered: "已送达"
        case .disabled: "已停用"
        case .disconnect: "断开连接"
        case .done: "已完成"
        case .doubted: "存疑"
        case .down: "下行"
        case .ending: "即将到期"
        case .enterprise: "企业"
        case .expiry: "过期"
        case .finished: "已完成"
        case .firstUse: "首次使用的证书"
        case .gift: "赠与"
        case .grant: "免费赠送"
        case .imported: "仅导入：只接受已导入设备"
        case .inactive: "未激活"
        case .individual: "个人"
        case .listed: "列表中的证书"
        case .none: "无"
        case .notReady: "未就绪"
        case .offline: "离线"
        case .on: "开"
        case .open: "开放：未知设备可自行注册"
        case .operator: "运营商"
        case .ota: "OTA 次数"
        case .overdue: "已逾期"
        case .owner: "所有者"
        case .paused: "已暂停"
        case .purchase: "购买"
        case .ready: "就绪"
        case .refuse: "被拒绝"
        case .refused: "拒绝"
        case .requested: "已请求"
        case .return: "退还"
        case .running: "进行中"
        case .stopped: "已停止"
        case .subAccount: "子账户密钥"
        case .underWay: "发送中"
        case .up: "上行"
        case .void: "作废"
        }
    }
}

extension Language {
    /// The API's name of something, as people read it; `nil` of one that has no words of its own.
    func label(of name: String) -> String? {
        Word.labels[name]?.text(in: self) ?? NamedValue(rawValue: name)?.text(in: self)
    }
}

extension Word {
    /// Names of the API that are titles as well.
    fileprivate static let labels: [String: Word] = [
        "expired": .expired,
        "failed": .failed,
        "false": .no,
        "first": .valueFirst,
        "given-up": .valueGivenUp,
        "manual": .valueManual,
        "messages": .messages,
        "off": .off,
        "online": .online,
        "renewal": .valueRenewal,
        "sent": .valueSent,
        "succeeded": .succeeded,
        "true": .yes,
        "unreported": .unreported,
        "waiting": .valueWaiting,
    ]
}
