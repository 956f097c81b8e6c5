DROP TABLE codelibs;
