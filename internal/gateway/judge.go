package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"courier"
)

// Judge returns what an attempt comes to whose request got an answer. The error says why
// the rules of the gateway could not be asked, so that the HTTP status decided.
func (g *Gateway) Judge(ctx context.Context, m *courier.Message, answer *Answer) (courier.Attempt, error) {
	var err error
	if g.response != nil {
		_, err = g.response.evaluate(ctx, g.response.template.evaluator(), answer)
	}
	return (&Request{gateway: g, message: m}).judge(ctx, answer), err
}

// judge makes an attempt of what came of the request: by the rules of the gateway, and by
// the HTTP status where they say nothing.
func (r *Request) judge(ctx context.Context, answer *Answer) courier.Attempt {
	g := r.gateway
	judged := answer.judge(g.rules)
	said, fault := g.ruleOn(ctx, r.message, answer)
	said.refine(&judged)
	attempt := courier.Attempt{
		Gateway: g.name, HTTPStatus: answer.Status,
		Outcome: judged.Outcome, Class: judged.Class, Scope: judged.Scope, Known: judged.Known, Unsent: judged.Unsent,
	}
	accepted := judged.Outcome == courier.OutcomeAccepted
	if accepted || judged.Outcome == courier.OutcomeUnknown && said.ids != nil {
		attempt.GatewayMessageID, attempt.GatewayMessageIDs = g.idsOf(answer, &said)
	}
	if accepted && fault == "" && said.code == nil && said.warning == "" {
		return attempt
	}
	mask := g.masked.forMessage(r.message)
	attempt.Code = codeOf(answer, &said, mask, accepted)
	warning := mask.mask(said.warning, maxErrorText)
	if fault != "" {
		warning = "the rule of its answers failed, so the HTTP status decided: " + fault
	}
	if accepted {
		attempt.Warning = warning
		return attempt
	}
	if judged.what == "" {
		judged.what = answer.describe()
	}
	if said.message != "" {
		judged.what += " and said: " + strings.TrimSuffix(said.message, ".")
	}
	if warning != "" {
		judged.advice += "; " + warning
	}
	attempt.Message = answer.sentence(fmt.Sprintf("%q (%s)", g.name, originOf(g.target)), mask.keeping("answered "+statusName(answer.Status), judged.what, maxErrorText), judged.advice)
	attempt.RetryAfter = said.retryAfter
	if said.retryAfter < 0 {
		attempt.RetryAfter = retryAfter(answer.Header, g.nowFunc())
	}
	attempt.Excerpt = mask.mask(excerptText(answer.Body), maxExcerpt)
	return attempt
}

// idsOf returns the gateway's ids of a message: the first, and all when there are more.
func (g *Gateway) idsOf(answer *Answer, said *ruling) (first string, all []string) {
	if said.ids == nil {
		return g.masked.dropSecret(messageID(answer.json())), nil
	}
	for _, id := range said.ids {
		if isMessageID(id) && g.masked.dropSecret(id) != "" && !slices.Contains(all, id) && len(all) < maxParts {
			all = append(all, strings.Clone(id)) // without the answer that it is a part of
		}
	}
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return all[0], all
}

// codeOf returns the gateway's own code. Where the rule gives none it is looked for in an
// answer that is no success.
func codeOf(answer *Answer, said *ruling, mask *masker, accepted bool) string {
	if said.code != nil {
		return mask.mask(*said.code, maxCode)
	}
	if accepted {
		return ""
	}
	code := errorCode(answer.json())
	if mask.mask(code, len(code)) != code {
		return ""
	}
	return code
}
