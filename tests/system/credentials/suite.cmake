system_test(credentials 900)
