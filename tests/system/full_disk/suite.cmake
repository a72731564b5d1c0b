system_test(full_disk 120)
