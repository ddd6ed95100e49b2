package courier

import "strings"

// Explanation tells a person what a name stands for and what to do.
type Explanation struct {
	// Meaning and Next are one or two sentences each.
	Meaning, Next string
}

// String returns both, Meaning first, and nothing of the zero value.
func (e Explanation) String() string { return strings.TrimSpace(e.Meaning + " " + e.Next) }

// Explain tells what the class means, for any gateway, and what to do about it. What
// is no class has the zero Explanation. docs/errors.md is made from it.
func (c Class) Explain() Explanation {
	switch c {
	case ClassInvalidDestination:
		return Explanation{"The recipient is not a number that exists.", "Correct the number and send a new message."}
	case ClassNotSMSCapable:
		return Explanation{"The number exists and cannot get text messages: it is a landline, for example.", "Ask the person for a mobile number, or write to them another way."}
	case ClassOptedOut:
		return Explanation{"The person asked to get no messages from this sender, for example by answering STOP.", "Do not write to this number again. Only the person can undo it, usually by answering START."}
	case ClassBarred:
		return Explanation{"The gateway or an operator blocks messages to this recipient.", "Look for the number in the blocklists of the account at the gateway. When it is in none, give the gateway's support the message's id and code."}
	case ClassBlockedContent:
		return Explanation{"The text was taken for spam, or is not allowed in the recipient's country.", "Change the text, leave out shortened links, or register text and sender with the gateway."}
	case ClassMessageTooLong:
		return Explanation{"The text takes more segments than the gateway sends.", "Shorten it. With messages.max_segments the courier refuses such a text at once."}
	case ClassUnroutable:
		return Explanation{"The gateway has no way to this recipient, or does not say why it refuses the message.", "Read the code and the excerpt of the attempt. For a whole country, add a gateway that serves it to the route."}
	case ClassDuplicate:
		return Explanation{"The gateway refuses the same text to the same recipient within a short time.", "Nothing when the first one arrived. Otherwise send another text, or wait some minutes."}

	case ClassUnauthorized:
		return Explanation{"The gateway does not accept the credentials.", "Correct them in the gateway's params or auth. The courier reads the change while it runs, and what waits goes out."}
	case ClassAccountSuspended:
		return Explanation{"The gateway has closed or suspended the account.", "Ask the gateway why. Until then, give the route another gateway."}
	case ClassInsufficientCredit:
		return Explanation{"The account at the gateway has no credit left.", "Top it up. What waits goes out by itself."}
	case ClassInvalidSender:
		return Explanation{"The account may not use this sender, or not towards this country.", "Set from to a sender that the gateway lists for the account, or register this one there."}
	case ClassDestinationNotPermitted:
		return Explanation{"The account may not send to this country, or in a trial not to this number.", "Allow the country in the gateway's console, or add a route that leads to another gateway."}
	case ClassTemplateMismatch:
		return Explanation{"The text is none of those that are registered with the gateway, as some countries demand.", "Register the text, or correct the ids of sender and template in the gateway's params."}
	case ClassBadRequest:
		return Explanation{"The gateway does not understand the request, whoever the recipient is.", "Compare what courier render prints with the gateway's documentation, and correct its request_config or params."}

	case ClassThrottled:
		return Explanation{"The gateway takes fewer messages per second.", "Nothing: the courier sends at the rate that is taken. When that is too slow, ask the gateway for more, or add one to the route."}
	case ClassQueueFull:
		return Explanation{"The gateway has too many messages of the account waiting.", "Nothing: the message is tried again. When it lasts, set the gateway's rate_limit to what it sends."}
	case ClassGatewayError:
		return Explanation{"The gateway met a fault of its own.", "Nothing: the message is tried again, or goes to the next gateway of its route. When it lasts, look at the gateway's status page."}
	case ClassNetworkError:
		return Explanation{"The gateway could not be connected to, or the connection broke.", "Check name, address, proxy, firewall and certificates from this machine: the error of the attempt names the step that failed."}
	case ClassTimeout:
		return Explanation{"The gateway did not answer in time.", "Nothing when it is seldom. When the gateway is just slow, raise its timeout."}
	case ClassAbsentSubscriber:
		return Explanation{"The phone is off or has no network.", "Nothing: it may get the message later. A code that is no longer wanted needs a ttl."}
	case ClassRecipientRateLimited:
		return Explanation{"This number was sent too many messages in a short time.", "Let the person wait before they ask again, and find out whether a program asks in their name."}

	case ClassOutcomeUnknown:
		return Explanation{"The gateway may have taken the message: the request was sent and no answer could be read.", "Look the message up at the gateway. One that is held is settled by courier messages resolve; dispatch.on_unknown says whether such a message is held or sent again."}
	case ClassTemplateError:
		return Explanation{"The template cannot make a request of this message.", "Try it with courier render, correct the template, and retry the message."}
	case ClassTooLate:
		return Explanation{"No gateway took the one-time code in time, and too little of its life was left for the person to type it in.", "Let the person ask for a new one. When it happens often, see what held the codes up: courier gateways list shows breakers and rates."}
	case ClassSuperseded:
		return Explanation{"A newer message with the same supersede_key took its place before a gateway had taken it.", "Nothing: the newer one goes out. Give messages that are all to arrive keys of their own, or an empty supersede_key."}
	}
	return Explanation{}
}

// Explain tells what the code means and what to do about it. What is no code has the
// zero Explanation. docs/errors.md is made from it.
func (c ErrorCode) Explain() Explanation {
	switch c {
	case CodeInvalidRequest:
		return Explanation{"The request, or one of its fields, cannot be read.", "Correct the field that the answer names; /openapi.json says what it may be."}
	case CodeInvalidRecipient:
		return Explanation{"The recipient is no number that could exist.", "Give it in E.164, such as +12065550199, or set recipients.default_region for national numbers."}
	case CodeRecipientNotAllowed:
		return Explanation{"Nothing is sent to numbers of this kind or country: they are expensive, cannot show a text, or are not served.", "Give another number, or allow it in recipients.types or recipients.countries."}
	case CodeInvalidSender:
		return Explanation{"The sender is neither a number nor a name that phones show.", "Give a number, a short code, or a name of up to 11 letters and digits."}
	case CodeMessageTooLong:
		return Explanation{"The text takes more segments than messages.max_segments allows.", "Shorten it or raise the limit."}
	case CodeUnknownChannel:
		return Explanation{"No channel has this id.", "Leave channel out, or add the channel to courier.channels."}
	case CodeSMSDisabled:
		return Explanation{"No gateway for text messages is configured.", "Configure one: courier config init writes a first file."}
	case CodeIdempotencyConflict:
		return Explanation{"The idempotency key was used for another message.", "Use a new key for a new message, or repeat the first request unchanged."}
	case CodeIllegalTransition:
		return Explanation{"The message is in a status that does not allow this.", "Look at its status; docs/state-machine.md has what may follow."}
	case CodeContentScrubbed:
		return Explanation{"The text of the message was deleted, as retention.scrub_after says, so it cannot be sent again.", "Send a new message."}
	case CodeNotFound:
		return Explanation{"There is no such message or path.", "Check the id or the address. Old messages are deleted after retention.delete_after."}
	case CodeMethodNotAllowed:
		return Explanation{"The path does not take this method.", "Use one that the header Allow names."}
	case CodeUnauthorized:
		return Explanation{"The request has no API key that is known, or a receipt no signature that is genuine.", "Send a key of api.keys as Authorization: Bearer. For receipts, compare the secrets of the gateway's params with those at the provider."}
	case CodeForbidden:
		return Explanation{"The API key lacks a scope, or the request comes from a web page of another site.", "Add the scope to the key in api.keys, or call the API from a program."}
	case CodeRequestTooLarge:
		return Explanation{"The body of the request is too large.", "Send fewer messages at once, or raise api.max_body_size."}
	case CodeRateLimited:
		return Explanation{"Too many different messages were sent under idempotency keys that were used before.", "Wait as long as Retry-After says, and use a new key for each message."}
	case CodeRecipientLimited:
		return Explanation{"The recipient was sent as many messages as limits allows.", "Let the person wait as long as Retry-After says, or use the code that came last. Find out whether a program asks in their name."}
	case CodeCallerLimited:
		return Explanation{"The API key, or the hook, sent as many messages as limits allows.", "Wait as long as Retry-After says, or raise the limit."}
	case CodeUnsupportedMedia:
		return Explanation{"The body is not JSON in UTF-8, or is compressed.", "Send JSON with Content-Type: application/json."}
	case CodeStoreFull:
		return Explanation{"The disk of the message store is full, and nothing was stored.", "Free space on it, then send again."}
	case CodeStoreReadOnly:
		return Explanation{"The message store cannot be written, and nothing was stored.", "Make the database and its directory writable, then send again."}
	case CodeStoreUnavailable:
		return Explanation{"The message store does not answer. The message may be stored or not.", "Send again in a moment with the same idempotency key. When it lasts, look at the database and the courier's log."}
	case CodeShuttingDown:
		return Explanation{"The courier is shutting down.", "Send again in a moment, to another node or to this one once it is back."}
	case CodeInternal:
		return Explanation{"The courier met a fault of its own.", "Read its log, and report the fault with what the log says."}
	}
	return Explanation{}
}
