/// Every text of the console, by what it says. Each language's table is an exhaustive switch, so that none misses one:
/// `english()` and `chinese()`.
enum Word: CaseIterable, Sendable {
    case account, accounts, actions, activate, activatedAt, activatedDevices, activatedFrom,
        activatedTo, activationCode, activationCodes, activationHistory, actor, addContact,
        addToBlacklist, addTokenKey, addTopUp, address, afterNumber, agrees, alertRulesHint,
        alerts, algorithm, all, allAsked, allProducts, allWhenEmpty, answer, asOf, asTable,
        assignCodes, assignableAtMost, assigned, assignedAtOnce, assignmentHistory,
        assignmentIsFinal, at, atMost, attempts, audience, audienceHint, authorities,
        authorityHint, authorityOffHint, authorityRemovedHint, autoRenewal
    case backups, beganAt, behind, blacklist, blacklistHint, bought, breadcrumbs, buyCodes,
        byDefault, byteBurst, bytes, bytesPerSecond
    case campaignHint, campaigns, cause, certificate, certificateEnds, certificatePattern,
        certificatePatternHint, certify, change, changeDesired, changeDesiredHint, checked,
        childDevices, choose, clear, clientID, clientOrAddress, clock, codeManagement, codes,
        codesConsumed, codesLost, confirm,
        confirmClock, connectedAt, connection, connections, consumed, consumedAndEnding,
        consumedCodes, contacts, contactsHint, count, countedEachQuarter, create, createAccount,
        createCampaign, createKey, createPackage, createProduct, createSubAccount, createWebhook,
        createdAt, csvFile, confirmedVersion
    case dashIsNotKept, dataCentre, day, dayOffset, dayOffsetHint, days, daysLeft, deleted,
        deletedDevices, deleteDevice, deleteImage, deleteImageHint, deleteMessages, deleteProduct,
        deleteProductHint, deleteWebhook, deliveries, desiredVersionHint, details,
        deviceLimitsHint, devices, devicesLost, devicesOverTime, devicesUpgrading,
        devicesWithMessages, devicesWithMetadata, dialect, dialectHint, direction, directory,
        directoryHint, disable, dk, done, drawable, desired, desiredVersion
    case email, enable, endDialect, endInMonth, endInNextMonth, endLimits, events, everything,
        everythingWhenEmpty, excess, expired, expiresAt, expiresFrom, expiresTo, exportCSV
    case failed, failures, fileAtMost, filter, fingerprint, finishedAt, fired, firedAt, firmware,
        firmwareVersion, firstCode, firstPage, formIsOld, formerUntil, from,
        fromAllowance, fromPacks
    case gateway, gatewayAlerts, general, givenBack, granted
    case health, hour, howDevicesConnect
    case identifier, imageFile, imagesLacking, importHint, importTitle, inflightMessages, inPacks
    case keepAlive, key, keyOrName, keyOrToken, keys, kick, kind, kindsOfEvents
    case lag, landed, languageName, languageOfContact, largeImports, lastEnding, lastRefusal,
        lastSeen, leased, limits, limitsHint, listener, liveClosed, liveEvents, liveNeedsScript,
        liveOpen, lostWithProducts
    case madeWhenEmpty, mail, mailLanguage, menu, messageBurst, messageLog, messages, messagesADay,
        messagesAndOTA, messagesByDay, messagesLeft, messagesPerDay, messagesPerSecond,
        messagesToday, messagesUsed, metadata, metadataFilter, metadataHint, metadataKey,
        milliseconds, monthAfter, monthBefore, monthIsRunning, moveEntitlement
    case nextRevocationList, notUpgraded, name, nearExpiry, nearExpiryDevices, nearExpiryHint,
        newDevices, nextConnection, nextPage, no, noLimit, node, nodes, noOpenAlerts, noRecipients,
        nodesMissing, notConnected, nothingHere, nothingInThisPart, nothingYet, number
    case offerFirmware, offerFirmwareHint, outOfFile, ofLimit, off, online, onlineByHour,
        onlineDevices, onlineMost, openAlerts, origin, otaAMonth, otaAllowance, otaLeft,
        otaPerMonth, otaUsed, overlapHours, overview
    case patternsHint, percentDone, perMinute, pins, pinsHint, pinning, preset, proofCertificate,
        pack, package, packageAllowance, packages, packetBytes, packs, packsAdded, parentAccount,
        parentDevice, pause, payload, period, pk, position, problems, product, productCodes,
        productConfiguration, productKeys, productName, productNameOrPK, productSecret, proofs,
        proofsWeak, products, protocolVersion, purchases
    case registerAuthority, registrationCode, replaceDesired, replaceDesiredHint, reportUpgrade,
        reportUpgradeHint, resume, revokedCertificates, reported, reportedVersion, reason,
        recipients, refusalsByReason, registeredAt, registersDevices, registration, remaining,
        remedy, remove, rename, renewNow, renewalIsOff, renewalOffHint, renewalOnHint, report,
        reportedAt, resetRule, resetSecret, resolved, resolvedAt, retryAt, revoke, revokeSecret,
        revokedAt, role, rotateSecret, rows, rule, ruleIsOn, rulesAndRecipients
    case sha256, sha256Hint, signature, startsAtOnceHint, startsNoneAfter, startsNoneBefore,
        stateChangedAt, stateDocuments, stateReportedAt, saidByDevice, save, search, secretRevoked,
        secretSet, sendAgain, sendMessage, sentTo, setting, settings, settingsHint, shownOnce,
        signIn, signInHint, signOut, silentSeconds, skip, source, sourceAccount,
        sourceConfiguration, sourceParent, startBackup, state, status, stopCampaign,
        stopCampaignHint, stopPercent, stopPercentHint, storageDays, storedFor, storedHere,
        storedMessages, storedOn, stream, subAccounts, subject, subscriptions, succeeded
    case qos, quantity
    case takeBack, takeBackActivation, takenBack, test, testMail, testMailHint, theseDevices,
        threshold, thresholdNumber, thresholdPercent, timesAreUTC, tls, to, toDevice, tokenKey,
        tokenKeyID, tokenKeyRemovedHint, tokenKeys, tokenKeysHint, topicsDown, topicsUncounted,
        topicsUncountedHint, topicsUp, topUps, topUpsUsed, topic, topicHint, total, trace, turnOff,
        turnOffRenewal, turnOn, turnOnRenewal, typeToConfirm, typedWrong
    case unassigned, unassignedCodes, units, unitsBought, unitsGiven, unreported, upgradeHint,
        upgradePackage, upgrades, upgradesEnded, upgradesStarted, upgradeUnderWay, uploadFailed,
        uploadImage, uploadLarge, uploadTaken, usage, used
    case validityDays, value, valueFirst, valueGivenUp, valueManual, valueRenewal, valueSent,
        valueThen, valueWaiting, view, voided, voidRest
    case warnings, weak, webhooks, whatBecame, whatFired, whatHappened, withinAllowances,
        withinDays, wrongKey
    case yes
}
