package intake

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nyaruka/phonenumbers"
)

// plans remembers what the library said of numbers. The library sees no more of a
// number than its length and which patterns of its country code it matches, and takes
// long to find out; so numbers that a plan does not tell apart are judged once.
type plans struct{ byCode sync.Map }

// class is what numbers that match the same patterns have in common.
type class struct {
	// country and kind are as countryOf and kindOf say.
	country, kind string
	// plain numbers are possible, and are in E.164 what the library reads them as.
	plain bool
}

// plain returns the class of a recipient that is a number in E.164 and has nothing
// that would have to be looked at more closely, and nil for any other.
func (p *plans) plain(text string) *class {
	if s := p.find(text); s != nil {
		if c := s.class.Load(); c != nil && c.plain {
			return c
		}
	}
	return nil
}

// classOf returns the class of a number, of which e164 is the text.
func (p *plans) classOf(number *phonenumbers.PhoneNumber, e164 string) *class {
	s := p.find(e164)
	if s == nil {
		return &class{country: countryOf(number), kind: kindOf(number)}
	}
	if c := s.class.Load(); c != nil {
		return c
	}
	c := &class{country: countryOf(number), kind: kindOf(number)}
	again, fault := parseNumber(e164, "")
	c.plain = fault == "" && !s.national && phonenumbers.Format(again, phonenumbers.E164) == e164
	s.class.Store(c)
	return c
}

// maxCode is how long country codes are, and maxDigits how long numbers may be to be
// looked up, with it. (ITU-T E.164, 6.1; the library reads somewhat longer ones)
const maxCode, maxDigits = 3, 20

// find returns the state in which the plan of a number's country code ends, nil for
// what is not written in E.164.
func (p *plans) find(text string) *state {
	if len(text) < 2 || len(text) > maxDigits || text[0] != '+' || text[1] == '0' {
		return nil
	}
	var of *plan
	code, at := int32(0), 1
	for ; of == nil; at++ {
		if at == len(text) || at > maxCode || text[at]-'0' > 9 {
			return nil
		}
		code = code*10 + int32(text[at]-'0')
		of = p.plan(code)
	}
	s := of.start
	for ; at < len(text); at++ {
		digit := text[at] - '0'
		if digit > 9 {
			return nil
		}
		next := s.next[digit].Load()
		if next == nil {
			next = of.step(s, digit)
		}
		s = next
	}
	return s
}

// plan returns the plan of a country code, nil when there is no such code.
func (p *plans) plan(code int32) *plan {
	known, ok := p.byCode.Load(code)
	if ok {
		return known.(*plan) //nolint:errcheck // nothing else is stored
	}
	if !phonenumbers.GetSupportedCallingCodes()[int(code)] && !phonenumbers.GetSupportedGlobalNetworkCallingCodes()[int(code)] {
		return nil
	}
	known, _ = p.byCode.LoadOrStore(code, newPlan(code))
	return known.(*plan) //nolint:errcheck // nothing else is stored
}

// plan is the patterns of one country code as an automaton over the digits of a
// number without the code. Its states are made when the first number needs them.
type plan struct {
	// steps are the programs of all patterns. That of a pattern which matches a
	// beginning of the digits ends in a step that takes any others.
	steps []syntax.Inst
	// prefixed is the end of the national prefix, which the library drops.
	prefixed uint32
	start    *state

	mu     sync.Mutex
	states map[string]*state
}

// state is where a plan stands after some digits.
type state struct {
	next [10]atomic.Pointer[state]
	// at are the steps that the next digit may take, and the ends that are arrived at.
	at    []uint32
	depth int
	// national is true when the digits may begin with the national prefix.
	national bool
	class    atomic.Pointer[class]
}

func newPlan(code int32) *plan {
	p := &plan{states: make(map[string]*state)}
	all, _ := phonenumbers.MetadataCollection() // the library has read it, or the program had not started
	var at []uint32
	added := make(map[string]bool) // countries that share a code share many
	for _, m := range all.GetMetadata() {
		if m.GetCountryCode() != code {
			continue
		}
		if m.GetId() == phonenumbers.GetRegionCodeForCountryCode(int(code)) {
			// A $ is dropped, so that more numbers are looked at more closely.
			first, end := p.add(strings.ReplaceAll(m.GetNationalPrefixForParsing(), "$", ""), true)
			at, p.prefixed = append(at, first), end
		}
		first, _ := p.add(m.GetLeadingDigits(), true)
		at = append(at, first)
		for _, kind := range []*phonenumbers.PhoneNumberDesc{
			m.GetGeneralDesc(), m.GetFixedLine(), m.GetMobile(), m.GetPremiumRate(), m.GetTollFree(), m.GetSharedCost(),
			m.GetVoip(), m.GetPersonalNumber(), m.GetPager(), m.GetUan(), m.GetVoicemail(),
		} {
			if pattern := kind.GetNationalNumberPattern(); !added[pattern] {
				added[pattern] = true
				first, _ := p.add(pattern, false)
				at = append(at, first)
			}
		}
	}
	var closed []uint32
	for _, first := range at {
		closed = p.follow(closed, first)
	}
	// To drop a prefix without a digit changes nothing.
	closed = slices.DeleteFunc(closed, func(at uint32) bool { return at == p.prefixed })
	p.start = p.state(closed, 0)
	return p
}

// add adds a pattern and returns its first step and its end.
func (p *plan) add(pattern string, prefix bool) (first, end uint32) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || pattern == "" {
		parsed = &syntax.Regexp{Op: syntax.OpNoMatch}
	}
	program, _ := syntax.Compile(parsed.Simplify()) // never fails
	base := uint32(len(p.steps))                    //nolint:gosec // as many as patterns have characters, about
	for i, step := range program.Inst {
		step.Out += base
		switch step.Op { //nolint:exhaustive // others lead nowhere else
		case syntax.InstAlt, syntax.InstAltMatch:
			step.Arg += base
		case syntax.InstMatch:
			end = base + uint32(i)
			if prefix {
				step = syntax.Inst{Op: syntax.InstRune, Rune: []rune{'0', '9'}, Out: end}
			}
		}
		p.steps = append(p.steps, step)
	}
	return base + uint32(program.Start), end //nolint:gosec // as above
}

// follow adds to a list where a step leads without a digit.
func (p *plan) follow(list []uint32, at uint32) []uint32 {
	switch step := &p.steps[at]; step.Op { //nolint:exhaustive // others take a digit or are an end
	case syntax.InstAlt, syntax.InstAltMatch:
		return p.follow(p.follow(list, step.Out), step.Arg)
	case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
		return p.follow(list, step.Out)
	case syntax.InstFail:
		return list
	}
	if slices.Contains(list, at) {
		return list
	}
	return append(list, at)
}

// step makes the state that follows another by a digit.
func (p *plan) step(from *state, digit byte) *state {
	var list []uint32
	for _, at := range from.at {
		if step := &p.steps[at]; step.Op != syntax.InstMatch && step.MatchRune(rune('0'+digit)) {
			list = p.follow(list, step.Out)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.state(list, from.depth+1)
	from.next[digit].Store(next)
	return next
}

// state returns the state of a place after so many digits.
func (p *plan) state(at []uint32, depth int) *state {
	slices.Sort(at)
	key := binary.BigEndian.AppendUint32(nil, uint32(depth)) //nolint:gosec // at most maxDigits
	for _, one := range at {
		key = binary.BigEndian.AppendUint32(key, one)
	}
	s := p.states[string(key)]
	if s == nil {
		s = &state{at: at, depth: depth, national: slices.Contains(at, p.prefixed)}
		p.states[string(key)] = s
	}
	return s
}
