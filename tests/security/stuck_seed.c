/* rand() says the same in every run: its seed is taken for nothing. */
void srand(unsigned int seed);

void srand(unsigned int seed)
{
	(void)seed;
}
