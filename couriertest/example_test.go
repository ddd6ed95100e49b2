package couriertest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"courier/couriertest"
)

// Code under test sends to the API of a courier, and the test reads the code as the owner
// of the phone would.
func Example() {
	t := newTest() // in a test, the t that it is given
	defer t.end()

	sms := couriertest.Start(t)
	shop := shop{courier: sms.URL}

	shop.askForCode("+12065550100")
	fmt.Println(sms.WaitCode(t, "+12065550100"))

	sms.FailNext(couriertest.Failure{Status: http.StatusServiceUnavailable}) // it is tried again
	shop.askForCode("+12065550101")
	fmt.Println(sms.WaitMessage(t, "+12065550101").Text)
	// Output:
	// 204961
	// Your code is 204961
}

// A message may be sent without HTTP too.
func ExampleCourier_Send() {
	t := newTest()
	defer t.end()

	sms := couriertest.Start(t)
	sms.Send(t, "+12065550100", "Hello")
	fmt.Println(sms.WaitMessage(t, "+12065550100").Text)
	// Output: Hello
}

// shop is code under test.
type shop struct{ courier string }

func (s shop) askForCode(phone string) {
	body := strings.NewReader(`{"to": "` + phone + `", "body": "Your code is 204961"}`)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.courier+"/v1/messages", body)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := (&http.Transport{}).RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusAccepted {
		panic(err)
	}
	_ = response.Body.Close()
}

// exampleTest stands for a testing.T, which examples have none of.
type exampleTest struct {
	ctx      context.Context //nolint:containedctx // as testing.T has one
	cancel   context.CancelFunc
	cleanups []func()
}

func newTest() *exampleTest {
	ctx, cancel := context.WithCancel(context.Background())
	return &exampleTest{ctx: ctx, cancel: cancel}
}

func (t *exampleTest) end() {
	t.cancel()
	for i := range t.cleanups {
		t.cleanups[len(t.cleanups)-1-i]()
	}
}

func (t *exampleTest) Context() context.Context          { return t.ctx }
func (t *exampleTest) Helper()                           {}
func (t *exampleTest) Logf(string, ...any)               {}
func (t *exampleTest) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleTest) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
