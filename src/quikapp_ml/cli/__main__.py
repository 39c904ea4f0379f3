from quikapp_ml.cli import main

main()
