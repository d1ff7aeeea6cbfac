import MQTT
import WebSocket

// The table of reasons, a row each.
extension Reason {
    struct Row {
        let name: String
        let text: String
        let code: ReasonCode
        let returnCode: ConnectReturnCode?
        let closeCode: CloseCode
        let status: Int
        let remedy: String
        let isOnWire: Bool

        /// A reason that clients are told in MQTT, or by closing.
        init(
            _ name: String,
            _ text: String,
            _ code: ReasonCode,
            _ returnCode: ConnectReturnCode?,
            _ closeCode: CloseCode,
            _ status: Int,
            _ remedy: String
        ) {
            self.name = name
            self.text = text
            self.code = code
            self.returnCode = returnCode
            self.closeCode = closeCode
            self.status = status
            self.remedy = remedy
            isOnWire = true
        }

        /// A reason that only the API gives.
        init(api name: String, _ text: String, _ status: Int, _ remedy: String) {
            self.name = name
            self.text = text
            code = .implementationSpecificError
            returnCode = nil
            closeCode = .policyViolation
            self.status = status
            self.remedy = remedy
            isOnWire = false
        }
    }

    var row: Row { Self.row(of: self) }

    private static func row(of reason: Reason) -> Row {
        switch reason {
        case .handshakeFailed:
            Row(
                "handshake-failed", "the TLS handshake failed", .unspecifiedError, nil,
                .policyViolation, 400,
                "Compare the client's TLS versions and trusted certificates with the listener's.")
        case .handshakeTimeout:
            Row(
                "handshake-timeout", "the TLS handshake took too long", .unspecifiedError, nil,
                .policyViolation, 408,
                "Check the client's network, or raise limits.handshakeTimeoutSeconds.")
        case .connectTimeout:
            Row(
                "connect-timeout", "no CONNECT within the time allowed", .unspecifiedError, nil,
                .policyViolation, 408,
                "Send CONNECT at once, or raise limits.connectTimeoutSeconds.")
        case .notMQTT:
            Row(
                "not-mqtt", "the first packet is not an MQTT CONNECT", .protocolError, nil,
                .protocolError, 400,
                "Check the port: only MQTT is spoken here, and CONNECT comes first.")
        case .webSocketRefused:
            Row(
                "websocket-refused", "the WebSocket handshake was refused", .protocolError, nil,
                .policyViolation, 400,
                "Ask for the listener's path and the subprotocol mqtt, from an allowed origin.")
        case .unsupportedProtocolVersion:
            Row(
                "unsupported-protocol-version", "only MQTT 3.1.1 and 5.0 are spoken here",
                .unsupportedProtocolVersion, .unacceptableProtocolVersion, .protocolError, 400,
                "Use MQTT 3.1.1 or 5.0; for MQTT 3.1 set mqtt31 of the listener.")
        case .clientIdentifierNotValid:
            Row(
                "client-identifier-not-valid", "the client identifier is not of the expected form",
                .clientIdentifierNotValid, .identifierRejected, .policyViolation, 400,
                "Build the client identifier as the documentation says.")
        case .badCredentials:
            Row(
                "bad-credentials", "unknown product, device or secret", .badUserNameOrPassword,
                .badUserNameOrPassword, .policyViolation, 401,
                "Compare key and secret with those of the books; reset a lost secret.")
        case .authorityNotActive:
            Row(
                "authority-not-active",
                "the authority of the device's certificate is switched off, removed or expired",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Switch the account's authority on, or give the device another certificate.")
        case .authorityOfAnotherAccount:
            Row(
                "authority-of-another-account",
                "the authority of the device's certificate is not of its product's account",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Compare the certificate's CN with the product, its issuer with the account's list."
            )
        case .certificateExpired:
            Row(
                "certificate-expired", "the device's certificate has expired", .notAuthorized,
                .notAuthorized, .policyViolation, 403,
                "Give the device a new certificate.")
        case .certificateRevoked:
            Row(
                "certificate-revoked", "the authority of the device's certificate has revoked it",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Give the device a new certificate, or the authority a list without this one.")
        case .certificateNamesNoDevice:
            Row(
                "certificate-names-no-device",
                "the device's certificate names no device by the pattern of its authority",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Compare CN and SAN with the authority's pattern; without ${pk} it needs a product."
            )
        case .certificateNotPinned:
            Row(
                "certificate-not-pinned",
                "the device's certificate is none of those that it is pinned to", .notAuthorized,
                .notAuthorized, .policyViolation, 403,
                "Add the new certificate's fingerprint to the device's pins, or forget these."
            )
        case .preSharedKeyNotAccepted:
            Row(
                "psk-not-accepted", "the device's product does not accept TLS-PSK",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Add psk to the proofs of the product's dialect, or have the device sign."
            )
        case .tokenUntimely:
            Row(
                "token-untimely",
                "the token has expired, is not valid yet, or is valid for too long",
                .badUserNameOrPassword, .badUserNameOrPassword, .policyViolation, 401,
                "Compare the issuer's clock; issue tokens for a day at most, and renew them in time."
            )
        case .badAuthenticationMethod:
            Row(
                "bad-authentication-method", "enhanced authentication is not offered",
                .badAuthenticationMethod, nil, .policyViolation, 400,
                "Send CONNECT without an Authentication Method.")
        case .deviceDisabled:
            Row(
                "device-disabled", "the device is disabled", .notAuthorized, .notAuthorized,
                .policyViolation, 409, "Enable the device.")
        case .notAllowedOnListener:
            Row(
                "not-allowed-on-listener", "these credentials are not accepted on this listener",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Connect over TLS, or sign with the securemode of this listener.")
        case .noCodeLeft:
            Row(
                "no-code-left", "no activation code left", .quotaExceeded, .notAuthorized,
                .policyViolation, 409,
                "Buy codes for the product, or assign unassigned ones to it.")
        case .activationExpired:
            Row(
                "activation-expired", "the activation has expired and is not renewed",
                .quotaExceeded, .notAuthorized, .policyViolation, 409,
                "Switch renewal on for the device and its product, or activate it by hand.")
        case .ledgerUnavailable:
            Row(
                "ledger-unavailable", "the ledger can't answer", .serverUnavailable,
                .serverUnavailable, .tryAgainLater, 503,
                "Look at /readyz and the log; make room on the disk or raise the map's size.")
        case .clockDoubted:
            Row(
                "clock-doubted", "the clock does not agree with the books", .serverUnavailable,
                .serverUnavailable, .tryAgainLater, 503,
                "Set the gateway's clock right, or confirm it: tollgate clock confirm.")
        case .limitReached:
            Row(
                "limit-reached", "an account or a product has as much as it may have",
                .quotaExceeded, .notAuthorized, .policyViolation, 409,
                "Delete what is not needed, or raise the limit in the configuration.")
        case .childOfAnotherAccount:
            Row(
                "child-of-another-account", "the child is a device of another account",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Attach devices of products that the parent's account has.")
        case .tooManyChildren:
            Row(
                "too-many-children", "the device has attached as many others as one may",
                .quotaExceeded, .notAuthorized, .policyViolation, 409,
                "Detach a child first, or connect another parent for the others.")
        case .serverBusy:
            Row(
                "server-busy", "the server is busy", .serverBusy, .serverUnavailable,
                .tryAgainLater, 503, "Try again later; raise limits.connections if it lasts.")
        case .noDescriptorLeft:
            Row(
                "no-descriptor-left", "no file descriptor was left for the connection",
                .serverBusy, .serverUnavailable, .tryAgainLater, 503,
                "Raise the limit of open files: ulimit -n, or LimitNOFILE of the unit.")
        case .addressBusy:
            Row(
                "address-busy", "too many connections of the address have not said who they are",
                .serverBusy, .serverUnavailable, .tryAgainLater, 429,
                "Raise limits.unadmittedPerAddress, or name the network in limits.exemptNetworks.")
        case .addressRateExceeded:
            Row(
                "address-rate-exceeded", "the address connects too often", .connectionRateExceeded,
                .serverUnavailable, .tryAgainLater, 429,
                "Raise limits.connectsPerSecondPerAddress, or exempt its network.")
        case .proxyNotTrusted:
            Row(
                "proxy-not-trusted", "the listener is for proxies, and this is none of them",
                .notAuthorized, .notAuthorized, .policyViolation, 403,
                "Name the proxy's network in the listener's trustedProxies.")
        case .proxyHeaderInvalid:
            Row(
                "proxy-header-invalid", "no PROXY protocol header, or a malformed one",
                .malformedPacket, nil, .protocolError, 400,
                "Let the proxy send version 1 or 2, or switch proxyProtocol off.")
        case .tooManyFailures:
            Row(
                "too-many-failures", "too many wrong secrets: wait before the next attempt",
                .connectionRateExceeded, .serverUnavailable, .tryAgainLater, 429,
                "Compare key and secret with the books, then wait a minute.")
        case .connectionRateExceeded:
            Row(
                "connection-rate-exceeded",
                "the device's connections displace each other too often", .connectionRateExceeded,
                .serverUnavailable, .tryAgainLater, 429,
                "Give each device a DeviceKey of its own: two clients use this one.")
        case .malformedPacket:
            Row(
                "malformed-packet", "malformed packet", .malformedPacket, nil, .protocolError, 400,
                "Correct the client: the packet can't be decoded.")
        case .protocolError:
            Row(
                "protocol-error", "protocol error", .protocolError, nil, .protocolError, 400,
                "Correct the client: the packet breaks a rule of MQTT.")
        case .webSocketViolation:
            Row(
                "websocket-violation", "a frame breaks the rules of WebSocket", .protocolError, nil,
                .policyViolation, 400, "Correct the client: a frame breaks RFC 6455.")
        case .packetTooLarge:
            Row(
                "packet-too-large", "the packet is larger than its receiver takes", .packetTooLarge,
                nil, .messageTooBig, 413,
                "Send less at once, or raise limits.packetSizeBytes or the client's limit.")
        case .receiveMaximumExceeded:
            Row(
                "receive-maximum-exceeded",
                "more QoS 2 messages under way than the Receive Maximum", .receiveMaximumExceeded,
                nil, .policyViolation, 429,
                "Keep to the Receive Maximum of CONNACK, or raise limits.inflightMessages.")
        case .topicAliasInvalid:
            Row(
                "topic-alias-invalid", "the topic alias is not within the Topic Alias Maximum",
                .topicAliasInvalid, nil, .policyViolation, 400,
                "Keep to the Topic Alias Maximum of CONNACK.")
        case .sessionTakenOver:
            Row(
                "session-taken-over", "the client connected elsewhere", .sessionTakenOver, nil,
                .policyViolation, 409,
                "If it did not reconnect, find the second client of the same name.")
        case .keepAliveTimeout:
            Row(
                "keep-alive-timeout", "nothing came for too long", .keepAliveTimeout, nil,
                .policyViolation, 408,
                "Check the client's network; send PINGREQ within the keep-alive time.")
        case .entitlementEnded:
            Row(
                "entitlement-ended", "the activation has ended and is not renewed",
                .administrativeAction, nil, .policyViolation, 409,
                "Buy or assign codes, switch renewal on, or activate the device by hand.")
        case .kicked:
            Row(
                "kicked", "disconnected by an operator", .administrativeAction, nil,
                .policyViolation, 409,
                "Connect again, unless the device, its product or its key is gone.")
        case .shuttingDown:
            Row(
                "shutting-down", "the server is shutting down", .serverShuttingDown, nil,
                .goingAway, 503, "Connect again after a random pause.")
        case .topicNotAllowed:
            Row(
                "topic-not-allowed", "the topic is not allowed", .notAuthorized, .notAuthorized,
                .policyViolation, 403,
                "Use the device's own topics, or give the key the right to this one.")
        case .topicNameInvalid:
            Row(
                "topic-name-invalid", "the topic name has too many levels", .topicNameInvalid,
                .notAuthorized, .policyViolation, 400,
                "Use fewer levels, or raise limits.topicLevels.")
        case .topicFilterInvalid:
            Row(
                "topic-filter-invalid", "the topic filter has too many levels",
                .topicFilterInvalid, nil, .policyViolation, 400,
                "Use fewer levels, or raise limits.topicLevels.")
        case .payloadFormatInvalid:
            Row(
                "payload-format-invalid", "the payload is not UTF-8", .payloadFormatInvalid, nil,
                .policyViolation, 400, "Send UTF-8, or leave the Payload Format Indicator out.")
        case .retainedFull:
            Row(
                "retained-full", "no more messages can be retained", .quotaExceeded, nil,
                .policyViolation, 507, "Clear retained messages, or raise limits.retainedMessages.")
        case .notStored:
            Row(
                "not-stored", "the message could not be stored", .implementationSpecificError,
                .serverUnavailable, .policyViolation, 503,
                "Send it again later; make room on the disk or raise the map's size.")
        case .notUplinked:
            Row(
                "not-uplinked", "the product's stream has not taken the message",
                .implementationSpecificError, .serverUnavailable, .policyViolation, 503,
                "Send it again later; the check uplink of /readyz says what is wrong.")
        case .quotaExceeded:
            Row(
                "quota-exceeded", "the day's message allowance is used up", .quotaExceeded, nil,
                .policyViolation, 409,
                "Wait for the next day, buy a top-up pack, or upgrade the package.")
        case .messageRateExceeded:
            Row(
                "message-rate-exceeded", "the device sends more than its limits allow",
                .quotaExceeded, nil, .policyViolation, 429,
                "Send it again later; raise the limits of the device or its product.")
        case .messageRateTooHigh:
            Row(
                "message-rate-too-high", "the device has sent more than its limits allow",
                .messageRateTooHigh, nil, .tryAgainLater, 429,
                "Send less often; raise the limits of the device or its product.")
        case .childRequestMalformed:
            Row(
                "child-request-malformed", "the request about a child is not of the form",
                .payloadFormatInvalid, nil, .policyViolation, 400,
                "Send the JSON object that the documentation of sys/children asks for.")
        case .stateInvalid:
            Row(
                "state-invalid", "the message does not say a state", .payloadFormatInvalid, nil,
                .policyViolation, 422, "Send the JSON object that Wire.md, State, describes.")
        case .stateTooLarge:
            Row(
                "state-too-large", "the document of a state would be too large", .quotaExceeded,
                nil, .policyViolation, 422,
                "Take members away: a document has 8,192 bytes at most, without spaces.")
        case .stateVersionMismatch:
            Row(
                "state-version-mismatch", "the document of the state has another version",
                .implementationSpecificError, nil, .policyViolation, 409,
                "Read the state again, and say the change of what it is now.")
        case .stateRateExceeded:
            Row(
                "state-rate-exceeded", "the state is changed or asked for too often",
                .quotaExceeded, nil, .policyViolation, 429,
                "Wait a minute; change several members at once, or have the product's states counted."
            )
        case .disconnected:
            Row(
                "disconnected", "the client said goodbye", .normalDisconnection, nil, .normal, 409,
                "None is needed.")
        case .connectionLost:
            Row(
                "connection-lost", "the connection was lost", .unspecifiedError, nil, .goingAway,
                409, "Check the client's network and power if it happens often.")
        case .parentGone:
            Row(
                "parent-gone", "the connection of the device that had attached it has ended",
                .unspecifiedError, nil, .goingAway, 409,
                "Look at the parent's last ending; the parent attaches it again.")
        case .notConnected:
            Row(
                "not-connected", "the device is not connected", .noMatchingSubscribers, nil,
                .policyViolation, 404,
                "Send it again when the device is online; see its last ending.")
        case .noSubscription:
            Row(
                "no-subscription", "the device has not subscribed to the topic",
                .noMatchingSubscribers, nil, .policyViolation, 409,
                "Have the device subscribe to the topic.")
        case .queueFull:
            Row(
                "queue-full", "the device reads too slowly, and its queue is full", .quotaExceeded,
                nil, .policyViolation, 409,
                "Send less often, or raise limits.queueMessages and limits.queueBytes.")
        case .messageExpired:
            Row(
                "message-expired", "the message expired while it waited", .success, nil,
                .policyViolation, 409, "Give the message a longer Message Expiry Interval.")
        case .unauthorized:
            Row(
                api: "unauthorized", "a valid token is needed", 401,
                "Send Authorization: Bearer with the owner's token or KEY.SECRET of a key.")
        case .forbidden:
            Row(
                api: "forbidden", "the key's role does not allow it", 403,
                "Use a key with the role that the answer names.")
        case .notFound:
            Row(
                api: "not-found", "there is nothing at that path", 404,
                "Compare the path with /openapi.json.")
        case .methodNotAllowed:
            Row(
                api: "method-not-allowed", "the path does not know that method", 405,
                "Use one of the methods in the header Allow.")
        case .requestTooLarge:
            Row(
                api: "request-too-large", "the request's body is too large", 413,
                "Send less at once, or raise admin.requestSizeBytes or admin.importSizeBytes.")
        case .unsupportedMediaType:
            Row(
                api: "unsupported-media-type",
                "the request's body is of another type than the path takes", 415,
                "Set Content-Type to one of the types that the answer names.")
        case .notAcceptable:
            Row(
                api: "not-acceptable", "the answer comes in no form that is accepted", 406,
                "Set Accept to one of the types that the answer names.")
        case .malformedRequest:
            Row(
                api: "malformed-request", "the request is not HTTP as it has to be", 400,
                "Send requests as RFC 9112 has them: HTTP/1.1 with one header Host.")
        case .invalidRequest:
            Row(
                api: "invalid-request", "a field or parameter is missing or wrong", 422,
                "Correct the field that the answer names.")
        case .invalidCSV:
            Row(
                api: "invalid-csv", "a line of the CSV text is wrong", 422,
                "Correct the line that the answer names.")
        case .unknownCursor:
            Row(
                api: "unknown-cursor", "the cursor is none of this list", 404,
                "Begin the list again without a cursor, or keep its filters.")
        case .tooManyRequests:
            Row(
                api: "too-many-requests", "more requests than are allowed in a second", 429,
                "Wait as long as Retry-After says, or raise admin.requestsPerSecond.")
        case .tooManyWrongTokens:
            Row(
                api: "too-many-wrong-tokens", "too many tokens of the address were not valid", 429,
                "Correct the token: a valid one is heard at once.")
        case .tooMuchAtOnce:
            Row(
                api: "too-much-at-once", "more is under way than is allowed at once", 429,
                "Wait as long as Retry-After says, or raise admin.connections or "
                    + "admin.bodiesInFlightBytes.")
        case .tooManyStreams:
            Row(
                api: "too-many-streams", "no more streams can be open at once", 429,
                "Close a stream, or raise admin.eventStreams.")
        case .internalError:
            Row(
                api: "internal-error", "the request failed", 500,
                "Look at the log, and report what it says.")
        case .unknownBackup:
            Row(
                api: "unknown-backup", "there is no such backup since the start", 404,
                "List the backups, or look into the directory.")
        case .backupDirectory:
            Row(
                api: "backup-directory", "the directory can't take a backup", 409,
                "Name an absolute path at which nothing is, or an empty directory.")
        case .backupRunning:
            Row(api: "backup-running", "another backup is under way", 409, "Wait until it is done.")
        case .backupNoSpace:
            Row(
                api: "backup-no-space", "the disk has too little room for a backup", 409,
                "Make room, or name a directory on another disk.")
        case .unknownAccount:
            Row(
                api: "unknown-account", "there is no such account", 404,
                "List the accounts that the key reaches.")
        case .unknownPackage:
            Row(api: "unknown-package", "there is no such package", 404, "List the packages.")
        case .unknownProduct:
            Row(
                api: "unknown-product", "there is no such product", 404,
                "List the products that the key reaches.")
        case .unknownDevice:
            Row(
                api: "unknown-device", "there is no such device", 404,
                "Import the device, or let it register itself.")
        case .unknownKey:
            Row(api: "unknown-key", "there is no such key", 404, "List the keys.")
        case .unknownPurchase:
            Row(
                api: "unknown-purchase", "there is no such purchase", 404,
                "List the account's purchases: the first code names one.")
        case .unknownAssignment:
            Row(
                api: "unknown-assignment", "there is no such assignment", 404,
                "List the account's assignments: the sequence number names one.")
        case .unknownTopUp:
            Row(
                api: "unknown-top-up", "there is no such top-up pack", 404,
                "List the account's packs: the id names one.")
        case .nothingToVoid:
            Row(
                api: "nothing-to-void", "nothing of it can be taken back", 409,
                "Void the consumptions first, if they were a mistake too.")
        case .nothingConsumed:
            Row(
                api: "nothing-consumed", "the device has consumed no code", 409,
                "Look at the activations of the device.")
        case .nothingRuns:
            Row(
                api: "nothing-runs", "the device has no activation that runs", 409,
                "Look at the activations of the device.")
        case .unknownContact:
            Row(
                api: "unknown-contact", "there is no such contact", 404,
                "List the account's contacts.")
        case .unknownImport:
            Row(
                api: "unknown-import", "there is no such import", 404,
                "List the product's imports.")
        case .unknownLease:
            Row(
                api: "unknown-lease", "there is no such lease, or it has ended", 404,
                "Lease units anew.")
        case .unknownUpgrade:
            Row(
                api: "unknown-upgrade", "there is no such upgrade", 404,
                "List the device's upgrades.")
        case .alreadyExists:
            Row(
                api: "already-exists", "it exists already", 409,
                "Choose another name; names are not used again.")
        case .nameTooLong:
            Row(api: "name-too-long", "the name is too long", 422, "Shorten the name.")
        case .parentIsSubAccount:
            Row(
                api: "parent-is-sub-account", "a sub-account can't have sub-accounts", 409,
                "Create it under the parent account.")
        case .tooManySubAccounts:
            Row(
                api: "too-many-sub-accounts", "the account has as many sub-accounts as it may", 409,
                "Use one of the sub-accounts that there are.")
        case .enterpriseAlready:
            Row(
                api: "enterprise-already", "the account is an enterprise already", 409,
                "None is needed.")
        case .certifiedWithParent:
            Row(
                api: "certified-with-parent", "a sub-account is certified with its parent", 409,
                "Certify the parent account.")
        case .tooManyContacts:
            Row(
                api: "too-many-contacts", "the account has as many contacts as it may", 409,
                "Remove a contact first.")
        case .tooMuchMetadata:
            Row(
                api: "too-much-metadata", "the owner has metadata under as many keys as it may",
                409, "Remove a key first: null as its value does that.")
        case .upgradeReportMalformed:
            Row(
                "upgrade-report-malformed", "what is said of an upgrade is not of the form",
                .payloadFormatInvalid, nil, .policyViolation, 400,
                "Send what the documentation of sys/ota asks for.")
        case .unknownFirmware:
            Row(
                api: "unknown-firmware", "the product has no such firmware image", 404,
                "List the product's firmware.")
        case .tooManyFirmware:
            Row(
                api: "too-many-firmware", "the product has as many firmware images as it may", 409,
                "Delete an image that is not needed any more, or raise firmware.imagesPerProduct.")
        case .firmwareInUse:
            Row(
                api: "firmware-in-use", "devices are upgrading to the firmware image", 409,
                "Wait until they have reported, or report their upgrades.")
        case .firmwareUnderWay:
            Row(
                api: "firmware-under-way", "the device is upgrading to a firmware image", 409,
                "Wait until it has reported, or report that upgrade.")
        case .firmwareNotOffered:
            Row(
                api: "firmware-not-offered", "the gateway offers no firmware images", 409,
                "Set firmware.url, and start the gateway again.")
        case .firmwareNoSpace:
            Row(
                api: "firmware-no-space", "the disk has too little room for the firmware image",
                507, "Make room, or delete images that are not needed any more.")
        case .firmwareLinkEnded:
            Row(
                api: "firmware-link-ended", "the link is none to a firmware image, or has ended",
                404, "Ask for another link by sys/ota/get.")
        case .firmwareNotHere:
            Row(
                api: "firmware-not-here", "the image's bytes have not come to this gateway yet",
                503, "Try again in a while, or upload the same image again.")
        case .rangeNotSatisfiable:
            Row(
                api: "range-not-satisfiable", "the range lies behind the end of the image", 416,
                "Ask for bytes that the image has; its size is in the notice.")
        case .unknownCampaign:
            Row(
                api: "unknown-campaign", "the product has no such campaign", 404,
                "List the product's campaigns.")
        case .campaignEnded:
            Row(
                api: "campaign-ended", "the campaign has ended", 409,
                "Make another one; devices that have upgraded need not do it again.")
        case .tooManyCampaigns:
            Row(
                api: "too-many-campaigns",
                "the product has as many campaigns that have not ended as it may", 409,
                "Stop a campaign first, or wait until one has ended.")
        case .productOfAnotherAccount:
            Row(
                api: "product-of-another-account", "the product belongs to another account", 409,
                "Use the account that the product belongs to.")
        case .packageMismatch:
            Row(
                api: "package-mismatch", "the codes are of another package than the product's", 409,
                "Buy codes of the product's package, or upgrade it first.")
        case .productHasNoPackage:
            Row(
                api: "product-has-no-package", "the product has no package yet", 409,
                "Assign codes of a package to the product.")
        case .allowanceLowered:
            Row(
                api: "allowance-lowered", "an upgrade can't lower an allowance", 409,
                "Choose a package that lowers none.")
        case .quantityOutOfRange:
            Row(
                api: "quantity-out-of-range", "the quantity is out of range", 422,
                "Choose a quantity in the range that the answer names.")
        case .notEnoughUnassigned:
            Row(
                api: "not-enough-unassigned",
                "the account has too few unassigned codes of the package", 409,
                "Buy codes, or assign fewer.")
        case .entitlementRuns:
            Row(
                api: "entitlement-runs", "the activation still runs", 409,
                "Wait until it has ended.")
        case .productRenewalOff:
            Row(
                api: "product-renewal-off", "renewal is off for the product", 409,
                "Switch renewal on for the product first.")
        case .registrationNotAllowed:
            Row(
                api: "registration-not-allowed", "the product lets no such device register itself",
                409, "Import the device, or open the product's registration.")
        case .secretInUse:
            Row(
                api: "secret-in-use", "the device has its secret already", 409,
                "Reset the device's secret.")
        case .importRow:
            Row(
                api: "import-row", "a row of the import can't be taken", 409,
                "Correct the row that the answer names; nothing was imported.")
        case .importLine:
            Row(
                api: "import-line", "a line of the import can't be taken", 409,
                "Correct the line that the answer names; nothing was imported.")
        case .importTooLarge:
            Row(
                api: "import-too-large", "the import has too many rows", 413,
                "Split the import, or send it as CSV.")
        case .importNotReceiving:
            Row(
                api: "import-not-receiving", "the import takes no more rows", 409,
                "Begin the import again.")
        case .importOutOfStep:
            Row(
                api: "import-out-of-step", "the rows are not those that come next", 409,
                "Go on behind the rows that are there.")
        case .importsUnderWay:
            Row(
                api: "imports-under-way", "as many imports as may be are under way", 409,
                "Wait until one has ended.")
        case .noTopUpLeft:
            Row(
                api: "no-top-up-left", "nothing is left in the account's message packs", 409,
                "Buy a top-up pack.")
        case .expiryPassed:
            Row(
                api: "expiry-passed", "it would end before now, or before it begins", 409,
                "Choose a later end.")
        case .leaseExceeded:
            Row(
                api: "lease-exceeded", "more was used than the lease had", 409,
                "Settle what the lease had, and report the fault.")
        case .deviceNotActive:
            Row(
                api: "device-not-active", "the device is not active", 409,
                "Let the device connect first, or activate it by hand.")
        case .otaExhausted:
            Row(
                api: "ota-exhausted", "the month's OTA attempts are used up", 409,
                "Wait for the next month, or buy an OTA pack.")
        case .upgradeReported:
            Row(
                api: "upgrade-reported", "the upgrade was reported before", 409,
                "Ask for a new upgrade under another id.")
        case .uplinkNotConfigured:
            Row(
                api: "uplink-not-configured", "no NATS servers are configured for uplink streams",
                409, "Name the servers in the section uplink of the configuration.")
        case .topicsUnusable:
            Row(
                api: "topics-unusable", "a product's devices can't use these topics", 409,
                "Correct what the answer names.")
        case .notClustered:
            Row(
                api: "not-clustered", "the gateway is in no cluster", 409,
                "Found a cluster, or join one, first.")
        case .unknownNode:
            Row(
                api: "unknown-node", "the cluster has no such node", 404,
                "List the nodes of the cluster.")
        case .nodeUnreachable:
            Row(
                api: "node-unreachable", "a node of the cluster does not answer", 503,
                "See tollgate cluster status; name a node that does.")
        case .nodeRemoved:
            Row(
                api: "node-removed", "the node was removed from the cluster", 409,
                "Join the cluster under another name.")
        case .ownNode:
            Row(
                api: "own-node", "a node does not remove itself", 409, "Ask another node to do it.")
        case .partitionsChanged:
            Row(
                api: "partitions-changed", "the partitions were assigned anew meanwhile", 409,
                "Read the table again, and make the next one from that.")
        case .followingChanged:
            Row(
                api: "following-changed", "who keeps the node's stored sessions changed meanwhile",
                409, "Read its record again, and name the number of that.")
        case .ownFollower:
            Row(
                api: "own-follower", "a node does not follow its own stored sessions", 409,
                "Name another node.")
        case .unknownWebhook:
            Row(
                api: "unknown-webhook", "there is no such webhook", 404,
                "List the webhooks that the key reaches.")
        case .unknownDelivery:
            Row(
                api: "unknown-delivery", "there is no such delivery, or it is forgotten", 404,
                "List the webhook's deliveries: the last hundred are kept.")
        case .tooManyWebhooks:
            Row(
                api: "too-many-webhooks", "there are as many webhooks as there may be", 409,
                "Delete one first.")
        case .unknownAuthority:
            Row(
                api: "unknown-authority", "there is no such authority", 404,
                "List the account's authorities.")
        case .authorityNotUsable:
            Row(
                api: "authority-not-usable",
                "the certificate can't be registered as an authority", 409,
                "Do what the detail says, and send both certificates again.")
        case .tooManyAuthorities:
            Row(
                api: "too-many-authorities", "there are as many authorities as there may be", 409,
                "Remove one first that vouches for no device any more.")
        case .authorityRulesNotUsable:
            Row(
                api: "authority-rules-not-usable",
                "devices can't be named by these rules of an authority", 409,
                "Correct what the detail names, and send all of the rules again.")
        case .revocationListNotUsable:
            Row(
                api: "revocation-list-not-usable",
                "the list of revoked certificates can't be taken", 409,
                "Do what the detail says, and send the list again.")
        case .revocationListOlder:
            Row(
                api: "revocation-list-older",
                "the list of revoked certificates is older than the one that there is", 409,
                "Send the authority's latest list.")
        case .unknownAlertRule:
            Row(
                api: "unknown-alert-rule", "there is no such alert rule", 404,
                "List the rules of the account.")
        case .mailNotConfigured:
            Row(
                api: "mail-not-configured", "the gateway has no mail server", 409,
                "Set smtp.host and smtp.from, and restart.")
        case .unknownNotification:
            Row(
                api: "unknown-notification",
                "there is no such message about an alert, or it is forgotten", 404,
                "List the messages that the key reaches.")
        case .notificationNotGivenUp:
            Row(
                api: "notification-not-given-up", "the message was sent, or still will be", 409,
                "Only a message that was given up can be sent again.")
        case .idempotencyKeyReused:
            Row(
                api: "idempotency-key-reused",
                "the idempotency key came with another request before", 409,
                "Use a new key for a new request.")
        case .idempotencyKeyInvalid:
            Row(
                api: "idempotency-key-invalid", "the idempotency key is not valid", 422,
                "Use 1 to 128 visible ASCII characters.")
        }
    }
}
