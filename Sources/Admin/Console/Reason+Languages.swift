import Gateway

/// The reasons of refusals in the console's languages: why, and what can be done about it.
extension Reason {
    /// One clause, without values: those are in the problem's own detail.
    func text(in language: Language) -> String {
        switch language {
        case .english: text
        case .chinese: chinese.text
        }
    }

    func remedy(in language: Language) -> String {
        switch language {
        case .english: remedy
        case .chinese: chinese.remedy
        }
    }

    /// What a list or a chart calls it: its name, as logs and metrics have it, or what it means.
    func label(in language: Language) -> String {
        switch language {
        case .english: name
        case .chinese: chinese.text
        }
    }

    /// An exhaustive switch, so that no reason misses its row.
    private var chinese: (text: String, remedy: String) {
        switch self {
        case .handshakeFailed: ("TLS 握手失败", "请核对客户端与监听端口的 TLS 版本和信任证书。")
        case .handshakeTimeout:
            ("TLS 握手超时", "请检查客户端网络，或调大 limits.handshakeTimeoutSeconds。")
        case .connectTimeout:
            ("在规定时间内未收到 CONNECT", "请立即发送 CONNECT，或调大 limits.connectTimeoutSeconds。")
        case .notMQTT: ("首个报文不是 MQTT CONNECT", "请检查端口：此处仅支持 MQTT，首个报文须为 CONNECT。")
        case .webSocketRefused:
            ("WebSocket 握手被拒绝", "请使用监听端口的路径和子协议 mqtt，并来自允许的来源。")
        case .unsupportedProtocolVersion: ("仅支持 MQTT 3.1.1 和 5.0", "请使用 MQTT 3.1.1 或 5.0。")
        case .tokenUntimely: ("令牌已过期、尚未生效或有效期过长", "请核对签发方的时钟；令牌有效期最长一天，并请及时更换。")
        case .preSharedKeyNotAccepted: ("设备所属产品不接受 TLS-PSK 认证", "请在产品的认证方式中加入 psk，或让设备使用签名连接。")
        case .clientIdentifierNotValid: ("客户端标识格式不正确", "请按文档构造客户端标识。")
        case .badCredentials: ("产品、设备或密钥不正确", "请核对密钥；密钥丢失时请重置。")
        case .authorityNotActive: ("设备证书的 CA 已停用、移除或过期", "请启用账号的 CA，或为设备更换证书。")
        case .authorityOfAnotherAccount: ("设备证书的 CA 不属于产品所在账号", "请核对证书的 CN 与产品、颁发者与账号的 CA。")
        case .certificateExpired: ("设备证书已过期", "请为设备签发新证书。")
        case .certificateRevoked: ("设备证书已被其 CA 吊销", "请为设备签发新证书，或提交不含该证书的吊销列表。")
        case .certificateNamesNoDevice:
            (
                "设备证书中没有符合其 CA 规则的设备名称",
                "请核对证书的 CN 或 SAN 与 CA 的匹配规则；规则中没有 ${pk} 时，请在 CA 上或 CONNECT 中指定产品。"
            )
        case .certificateNotPinned: ("设备证书不在该设备绑定的证书之列", "如设备已更换证书，请将新证书的指纹加入设备的绑定列表，或清除绑定。")
        case .badAuthenticationMethod: ("不支持增强认证", "请发送不含 Authentication Method 的 CONNECT。")
        case .deviceDisabled: ("设备已禁用", "请启用设备。")
        case .notAllowedOnListener:
            ("该监听端口不接受此凭据", "请使用 TLS 连接，或按该端口的 securemode 签名。")
        case .noCodeLeft: ("没有剩余激活码", "请为产品购买激活码，或分配未分配的激活码。")
        case .activationExpired: ("激活已到期且未续费", "请开启设备和产品的自动续费，或手动激活。")
        case .ledgerUnavailable: ("账本暂时无法响应", "请查看 /readyz 和日志；清理磁盘空间或调大存储上限。")
        case .clockDoubted: ("时钟与账本不一致", "请校准网关时钟，或确认时钟：tollgate clock confirm。")
        case .limitReached: ("账号或产品已达到数量上限", "请删除不需要的内容，或在配置中调大上限。")
        case .serverBusy: ("服务器繁忙", "请稍后重试；若持续出现，请调大 limits.connections。")
        case .noDescriptorLeft: ("没有可用的文件描述符", "请调大打开文件数上限：ulimit -n 或服务单元的 LimitNOFILE。")
        case .addressBusy:
            (
                "该地址有过多尚未认证的连接",
                "请调大 limits.unadmittedPerAddress，或将其网段加入 limits.exemptNetworks。"
            )
        case .addressRateExceeded:
            ("该地址连接过于频繁", "请调大 limits.connectsPerSecondPerAddress，或豁免其网段。")
        case .proxyNotTrusted: ("该监听端口仅供代理使用，来源不是受信代理", "请将代理网段加入该端口的 trustedProxies。")
        case .proxyHeaderInvalid:
            ("缺少 PROXY 协议头，或格式有误", "请让代理发送版本 1 或 2，或关闭 proxyProtocol。")
        case .tooManyFailures: ("密钥错误次数过多，请稍候再试", "请核对密钥，一分钟后重试。")
        case .connectionRateExceeded: ("设备的连接相互顶替过于频繁", "请为每台设备使用各自的 DeviceKey：有两个客户端在使用同一个。")
        case .malformedPacket: ("报文格式错误", "请修正客户端：报文无法解码。")
        case .protocolError: ("违反协议", "请修正客户端：报文违反了 MQTT 规则。")
        case .webSocketViolation: ("帧违反 WebSocket 规则", "请修正客户端：帧违反了 RFC 6455。")
        case .packetTooLarge: ("报文超过接收方上限", "请减小报文，或调大 limits.packetSizeBytes 或客户端上限。")
        case .receiveMaximumExceeded:
            (
                "未完成的 QoS 2 消息超过 Receive Maximum",
                "请遵守 CONNACK 的 Receive Maximum，或调大 limits.inflightMessages。"
            )
        case .topicAliasInvalid:
            ("主题别名超出 Topic Alias Maximum", "请遵守 CONNACK 的 Topic Alias Maximum。")
        case .sessionTakenOver: ("客户端已在别处连接", "若不是自身重连，请查找同名的另一个客户端。")
        case .keepAliveTimeout: ("过久未收到数据", "请检查客户端网络；在保活时间内发送 PINGREQ。")
        case .entitlementEnded: ("激活已结束且未续费", "请购买或分配激活码、开启自动续费，或手动激活设备。")
        case .kicked: ("被运营人员断开", "可重新连接，除非设备、产品或密钥已删除。")
        case .shuttingDown: ("服务器正在关闭", "请随机等待后重新连接。")
        case .topicNotAllowed: ("不允许使用该主题", "请使用设备自己的主题，或为密钥授权该主题。")
        case .topicNameInvalid: ("主题名层级过多", "请减少层级，或调大 limits.topicLevels。")
        case .topicFilterInvalid: ("主题过滤器层级过多", "请减少层级，或调大 limits.topicLevels。")
        case .payloadFormatInvalid: ("消息内容不是 UTF-8", "请发送 UTF-8，或不要设置 Payload Format Indicator。")
        case .retainedFull: ("保留消息已达上限", "请清理保留消息，或调大 limits.retainedMessages。")
        case .notStored: ("消息未能保存", "请稍后重发；清理磁盘空间或调大存储上限。")
        case .notUplinked: ("产品的流未接收该消息", "请稍后重发；/readyz 的 uplink 检查项会说明原因。")
        case .messageRateExceeded: ("设备发送的消息超出其限制", "请稍后重发，或提高该设备或其产品的限制。")
        case .messageRateTooHigh: ("设备发送的消息超出了其限制", "请降低发送频率，或提高该设备或其产品的限制。")
        case .stateInvalid: ("消息不是有效的状态", "请发送 Wire.md 中 State 一节所述的 JSON 对象。")
        case .stateTooLarge: ("状态文档将超出上限", "请删除部分成员：文档去除空格后最多 8,192 字节。")
        case .stateVersionMismatch: ("状态文档的版本不符", "请重新读取状态，再基于当前版本修改。")
        case .stateRateExceeded: ("状态的修改或查询过于频繁", "请等待一分钟；一次修改多个成员，或将产品的状态计入额度。")
        case .quotaExceeded: ("当日消息额度已用完", "请等到次日、购买补充包或升级套餐。")
        case .disconnected: ("客户端主动断开", "无需处理。")
        case .connectionLost: ("连接中断", "若经常发生，请检查客户端的网络和电源。")
        case .parentGone: ("接入此设备的父设备连接已断开", "请查看父设备的上次断开原因；父设备会重新接入此设备。")
        case .childRequestMalformed: ("子设备请求的格式不正确", "请按照 sys/children 的文档发送 JSON 对象。")
        case .childOfAnotherAccount: ("子设备属于另一个账户", "请接入父设备所属账户的产品的设备。")
        case .tooManyChildren: ("父设备接入的子设备数量已达上限", "请先断开一个子设备，或让另一个父设备接入其余设备。")
        case .notConnected: ("设备未连接", "请在设备在线时重发；可查看其上次断开原因。")
        case .noSubscription: ("设备未订阅该主题", "请让设备订阅该主题。")
        case .queueFull: ("设备读取过慢，队列已满", "请降低发送频率，或调大 limits.queueMessages 和 limits.queueBytes。")
        case .messageExpired: ("消息在等待中过期", "请为消息设置更长的过期时间。")
        case .unauthorized: ("需要有效的令牌", "请使用所有者令牌或密钥的 KEY.SECRET 登录。")
        case .forbidden: ("密钥的角色不允许此操作", "请使用具有所需角色的密钥。")
        case .notFound: ("该路径下没有内容", "请与 /openapi.json 核对路径。")
        case .methodNotAllowed: ("该路径不支持此方法", "请使用 Allow 头列出的方法。")
        case .requestTooLarge:
            ("请求内容过大", "请减少一次发送的内容，或调大 admin.requestSizeBytes 或 admin.importSizeBytes。")
        case .unsupportedMediaType: ("请求内容的类型不被接受", "请将 Content-Type 设为应答列出的类型之一。")
        case .notAcceptable: ("无法以所接受的格式应答", "请将 Accept 设为应答列出的类型之一。")
        case .malformedRequest: ("请求不符合 HTTP 规范", "请按 RFC 9112 发送请求：HTTP/1.1，仅含一个 Host 头。")
        case .invalidRequest: ("字段或参数缺失或有误", "请修正指出的字段。")
        case .invalidCSV: ("CSV 文本中有一行有误", "请修正指出的行。")
        case .unknownCursor: ("游标不属于该列表", "请从列表开头重新开始，或保持筛选条件不变。")
        case .tooManyRequests: ("请求过于频繁", "请按 Retry-After 等待，或调大 admin.requestsPerSecond。")
        case .tooManyWrongTokens: ("该地址的错误令牌过多", "请更正令牌：正确的令牌会立即生效。")
        case .tooMuchAtOnce:
            (
                "同时进行的操作过多",
                "请按 Retry-After 等待，或调大 admin.connections 或 admin.bodiesInFlightBytes。"
            )
        case .tooManyStreams: ("同时打开的流过多", "请关闭一个流，或调大 admin.eventStreams。")
        case .internalError: ("请求失败", "请查看日志并反馈其内容。")
        case .unknownBackup: ("启动以来没有该备份", "请查看备份列表，或检查目录。")
        case .backupDirectory: ("该目录不能存放备份", "请填写尚不存在的绝对路径，或空目录。")
        case .backupRunning: ("另一个备份正在进行", "请等待其完成。")
        case .backupNoSpace: ("磁盘空间不足以备份", "请清理空间，或使用其他磁盘上的目录。")
        case .unknownAccount: ("没有该账号", "请查看密钥可访问的账号列表。")
        case .unknownPackage: ("没有该套餐", "请查看套餐列表。")
        case .unknownProduct: ("没有该产品", "请查看密钥可访问的产品列表。")
        case .unknownDevice: ("没有该设备", "请导入设备，或让其自行注册。")
        case .unknownKey: ("没有该密钥", "请查看密钥列表。")
        case .unknownPurchase: ("没有该购买记录", "请查看账号的购买记录：以首个激活码标识。")
        case .unknownAssignment: ("没有该分配记录", "请查看账号的分配记录：以序号标识。")
        case .unknownTopUp: ("没有该补充包", "请查看账号的补充包列表。")
        case .nothingToVoid: ("没有可收回的部分", "若消费也有误，请先作废消费。")
        case .nothingConsumed: ("设备未消费过激活码", "请查看设备的激活记录。")
        case .nothingRuns: ("设备没有生效中的激活", "请查看设备的激活记录。")
        case .unknownContact: ("没有该接警人", "请查看账号的接警人列表。")
        case .unknownImport: ("没有该导入", "请查看产品的导入列表。")
        case .unknownLease: ("没有该租用，或已结束", "请重新租用。")
        case .unknownUpgrade: ("没有该升级", "请查看设备的升级列表。")
        case .alreadyExists: ("已存在", "请使用其他名称；名称不会重复使用。")
        case .nameTooLong: ("名称过长", "请缩短名称。")
        case .parentIsSubAccount: ("子账号不能再有子账号", "请在父账号下创建。")
        case .tooManySubAccounts: ("子账号数量已达上限", "请使用已有的子账号。")
        case .enterpriseAlready: ("该账号已是企业账号", "无需处理。")
        case .certifiedWithParent: ("子账号随父账号一起认证", "请认证父账号。")
        case .tooManyContacts: ("接警人数量已达上限", "请先移除一个接警人。")
        case .productOfAnotherAccount: ("产品属于其他账号", "请使用产品所属的账号。")
        case .packageMismatch: ("激活码的套餐与产品的套餐不同", "请购买产品所用套餐的激活码，或先升级产品。")
        case .productHasNoPackage: ("产品尚无套餐", "请为产品分配某一套餐的激活码。")
        case .allowanceLowered: ("升级不能降低额度", "请选择不降低任何额度的套餐。")
        case .quantityOutOfRange: ("数量超出范围", "请填写允许范围内的数量。")
        case .notEnoughUnassigned: ("账号中该套餐的未分配激活码不足", "请购买激活码，或减少分配数量。")
        case .entitlementRuns: ("激活仍在有效期内", "请等待其结束。")
        case .productRenewalOff: ("产品的自动续费已关闭", "请先开启产品的自动续费。")
        case .registrationNotAllowed: ("产品不允许该设备自行注册", "请导入设备，或开放产品的注册。")
        case .secretInUse: ("设备已有密钥", "请重置设备密钥。")
        case .importRow: ("导入中有一条无法接受", "请修正指出的条目；未导入任何设备。")
        case .importLine: ("导入文件中有一行无法接受", "请修正指出的行；未导入任何设备。")
        case .importTooLarge: ("导入的行数过多", "请拆分导入，或以 CSV 发送。")
        case .importNotReceiving: ("该导入不再接收数据", "请重新开始导入。")
        case .importOutOfStep: ("这些行不是接下来的行", "请从已有的行之后继续。")
        case .importsUnderWay: ("同时进行的导入已达上限", "请等待一个导入结束。")
        case .noTopUpLeft: ("账号的消息补充包已用完", "请购买补充包。")
        case .expiryPassed: ("结束时间早于当前时间或开始时间", "请选择更晚的结束时间。")
        case .leaseExceeded: ("使用量超过租用量", "请按租用量结算，并反馈该故障。")
        case .deviceNotActive: ("设备未激活", "请先让设备连接，或手动激活。")
        case .otaExhausted: ("当月 OTA 次数已用完", "请等到下月，或购买 OTA 补充包。")
        case .upgradeReported: ("该升级已上报结果", "请使用新的标识发起升级。")
        case .uplinkNotConfigured: ("未配置上行流所需的 NATS 服务器", "请在配置的 uplink 部分填写服务器。")
        case .topicsUnusable: ("产品的设备无法使用这些主题", "请修正指出的内容。")
        case .notClustered: ("该网关不在集群中", "请先创建或加入集群。")
        case .unknownNode: ("集群中没有该节点", "请查看集群的节点列表。")
        case .nodeUnreachable: ("集群中有节点未应答", "请查看 tollgate cluster status，并选择可应答的节点。")
        case .nodeRemoved: ("节点已从集群移除", "请以其他名称加入集群。")
        case .ownNode: ("节点不能移除自身", "请在其他节点上操作。")
        case .partitionsChanged: ("分区已被重新分配", "请重新读取分区表后再试。")
        case .followingChanged: ("保存该节点会话的节点已变化", "请重新读取其记录，并使用新的编号。")
        case .ownFollower: ("节点不能跟随自身的会话", "请填写其他节点。")
        case .unknownWebhook: ("没有该 Webhook", "请查看密钥可访问的 Webhook 列表。")
        case .unknownDelivery: ("没有该投递，或记录已清除", "请查看投递列表：保留最近一百条。")
        case .tooManyWebhooks: ("Webhook 数量已达上限", "请先删除一个。")
        case .unknownAuthority: ("没有该 CA", "请查看账号的 CA 列表。")
        case .authorityNotUsable: ("该证书不能注册为 CA", "请按详情处理后重新提交两个证书。")
        case .tooManyAuthorities: ("CA 数量已达上限", "请先移除不再使用的 CA。")
        case .authorityRulesNotUsable: ("无法按这些规则从证书得到设备名称", "请修正指出的内容后重新提交全部规则。")
        case .revocationListNotUsable: ("该证书吊销列表无法使用", "请按详情处理后重新提交吊销列表。")
        case .revocationListOlder: ("该证书吊销列表比现有的旧", "请提交 CA 最新的吊销列表。")
        case .unknownAlertRule: ("没有该告警规则", "请查看账号的规则。")
        case .unknownNotification: ("没有该告警邮件，或记录已清除", "请查看密钥可访问的邮件列表。")
        case .notificationNotGivenUp: ("邮件已发送，或仍将发送", "只有已放弃的邮件可以重新发送。")
        case .mailNotConfigured: ("网关未配置邮件服务器", "请设置 smtp.host 和 smtp.from 并重启。")
        case .idempotencyKeyReused: ("该幂等键已用于另一请求", "请为新请求使用新的幂等键。")
        case .idempotencyKeyInvalid: ("幂等键无效", "请使用 1 至 128 个可见 ASCII 字符。")
        case .tooMuchMetadata: ("元数据的键数量已达上限", "请先移除一个键。")
        case .upgradeReportMalformed: ("升级上报的内容格式不正确", "请按照 sys/ota 的文档发送。")
        case .unknownFirmware: ("产品没有此固件", "请查看产品的固件列表。")
        case .tooManyFirmware: ("产品的固件数量已达上限", "请删除不再需要的固件，或调高 firmware.imagesPerProduct。")
        case .firmwareInUse: ("有设备正在升级到此固件", "请等待设备上报结果，或代为上报。")
        case .firmwareUnderWay: ("设备正在升级固件", "请等待设备上报结果，或代为上报。")
        case .firmwareNotOffered: ("网关未启用固件升级", "请设置 firmware.url 并重启网关。")
        case .firmwareNoSpace: ("磁盘空间不足，无法保存固件", "请清理磁盘，或删除不再需要的固件。")
        case .firmwareNotHere: ("固件文件尚未同步到此网关", "请稍后重试，或重新上传同一固件。")
        case .firmwareLinkEnded: ("固件链接无效或已失效", "请通过 sys/ota/get 重新获取链接。")
        case .unknownCampaign: ("产品没有此升级任务", "请查看产品的升级任务列表。")
        case .campaignEnded: ("升级任务已结束", "请新建升级任务；已升级的设备无需再次升级。")
        case .tooManyCampaigns: ("产品未结束的升级任务数量已达上限", "请先停止一个升级任务，或等待其结束。")
        case .rangeNotSatisfiable: ("请求的范围超出固件大小", "请请求固件范围内的字节，大小见升级通知。")
        }
    }
}

extension Problem {
    /// Why, in the reader's language.
    func sentence(in language: Language) -> String {
        isOfConsole(in: language) || language == .english ? detail : reason.text(in: language)
    }

    /// What the API says of it where that is more, in its own words, which are English.
    func words(besides language: Language) -> String? {
        let isSaid = sentence(in: language) == detail || detail == reason.text
        return isSaid ? nil : detail
    }

    /// Whether it is the console that says it, and not the API.
    private func isOfConsole(in language: Language) -> Bool {
        [Word.formIsOld, .typedWrong].contains { $0.text(in: language) == detail }
    }
}

extension ConsoleFrame {
    /// What was wrong, and what can be done about it.
    ///
    /// - Parameters:
    ///   - isTitled: the page's title says already what was wrong.
    ///   - hasFocus: the page has the focus there when it is shown.
    static func alert(
        _ problem: Problem, _ language: Language, isTitled: Bool = false, hasFocus: Bool = false
    ) -> HTML {
        let mark: HTML = hasFocus ? " tabindex=\"-1\" autofocus" : ""
        var html: HTML = "<div class=\"alert\" role=\"alert\"\(mark)>"
        if !isTitled { html += "<p>\(problem.sentence(in: language))</p>" }
        if let words = problem.words(besides: language) { html += "<p lang=\"en\">\(words)</p>" }
        // The detail is the first one; of a file there may be many more.
        let others = problem.errors.dropFirst().map { "<li>\($0.text)</li>" as HTML }
        if !others.isEmpty { html += "<ul lang=\"en\">\(HTML(others))</ul>" }
        return html
            + "<p class=\"soft\">\(problem.reason.remedy(in: language))</p></div>"
    }
}

extension ConsoleRequest {
    /// Why something was refused: a document's `reason`, and the API's `detail` where it says more.
    func why(_ document: JSON) -> HTML {
        let detail = document.text("detail")
        guard let reason = Reason(named: document.text("reason")) else { return "\(detail)" }
        let problem = Problem(reason, detail.isEmpty ? nil : detail)
        let words = problem.words(besides: language).map {
            " <span lang=\"en\">\($0)</span>" as HTML
        }
        return "\(problem.sentence(in: language))" + (words ?? HTML())
    }

    /// What can be done about it.
    func remedy(_ document: JSON) -> HTML {
        "\(Reason(named: document.text("reason"))?.remedy(in: language) ?? document.text("remedy"))"
    }

    /// A reason by its name, in a list or a chart.
    func label(ofReason name: String) -> String {
        Reason(named: name)?.label(in: language) ?? name
    }
}
