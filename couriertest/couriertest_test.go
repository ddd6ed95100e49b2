package couriertest_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"courier/couriertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStart_Parallel reads a code from each of a hundred couriers, in under 100 ms
// from Start on.
func TestStart_Parallel(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			sms := couriertest.Start(t)
			to := fmt.Sprintf("+12065550%d", 100+i)
			sms.Send(t, to, fmt.Sprintf("Your code is %06d", i))
			if code := sms.WaitCode(t, to); code != fmt.Sprintf("%06d", i) {
				t.Errorf("WaitCode() = %q", code)
			}
			t.Log(time.Since(began))
		})
	}
}
