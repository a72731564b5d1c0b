system_test(cut 120)
