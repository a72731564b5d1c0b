"""README names each defect that a patch closes, and each has an attack."""

import os
import unittest

import defects
import table


class Readme(unittest.TestCase):
    def test_the_table_is_what_the_patches_say(self):
        with open(os.path.join(defects.HERE, "..", "..", "README.md"), encoding="utf-8") as file:
            self.assertIn(defects.table() + "\n", file.read(), "README.md wants what tests/security/defects.py prints")

    def test_each_defect_has_an_attack(self):
        self.assertEqual(set(defects.defects()) - {row for row, *_ in table.rows()}, set())


if __name__ == "__main__":
    unittest.main()
