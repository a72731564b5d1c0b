system_test(drain 180)
