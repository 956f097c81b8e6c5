DROP TABLE coderuns;
