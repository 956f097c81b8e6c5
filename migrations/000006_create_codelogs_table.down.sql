DROP TABLE codelogs;
